//! Uploads: AuthorizeFileUpload of the Open Platform, PostObject of OSS, and the download of what a
//! `ResourceFile` names. Nothing leaves the simulator: only its own bucket is looked into.

use axum::body::Bytes;

use super::{Done, Params, Request};
use crate::bucket::{Form, StoredFile, is_own};
use crate::clock::Now;
use crate::cloud::{Cloud, lock};
use crate::error::ApiError;
use crate::multipart;
use crate::settings::{DeadUrl, Settings};

/// The file of a form. Its bytes are never shown.
#[derive(Clone)]
pub(crate) struct Upload(pub(crate) Bytes);

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upload({} bytes)", self.0.len())
    }
}

/// AuthorizeFileUpload.
pub(super) fn authorize(
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
    now: Now,
) -> Result<Done, ApiError> {
    let product = request.params.required("Product")?;
    request.params.required("RegionId")?;
    let answer = lock(&cloud.bucket).authorize(product, &request.host, &settings.upload, now);
    Ok(Done::read(&answer))
}

/// PostObject: the answer is XML, or nothing where no status was asked for.
pub(super) fn post(request: &Request, cloud: &Cloud, now: Now) -> Result<Done, ApiError> {
    let field = |name| {
        let missing = || ApiError::new(400, "InvalidArgument", format!("The form lacks the field {name}."));
        request.params.get(name).ok_or_else(missing)
    };
    let Some(Upload(bytes)) = &request.file else {
        return Err(ApiError::new(400, "InvalidArgument", "The form has no file, or it does not come last."));
    };
    let key = field("key")?;
    let form = Form {
        access_key_id: field("OSSAccessKeyId")?,
        signature: field("Signature")?,
        policy: field("policy")?,
        key,
    };
    let mut bucket = lock(&cloud.bucket);
    bucket.admit(&form, bytes.len(), now)?;
    let file = StoredFile::new(bytes.clone());
    let sha256 = file.sha256.to_string();
    bucket.put(format!("http://{}/{key}", request.host), file);
    let answer = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Bucket>{}</Bucket><ETag>\"{}\"</ETag>\
         <Location>http://{}/{key}</Location></PostResponse>",
        request.host.split('.').next().unwrap_or_default(),
        &sha256[..32].to_uppercase(),
        request.host,
    );
    Ok(Done { answer, effect: false, id: None, left: Some((key.to_owned(), sha256)) })
}

/// What a form says, and its file if that comes last.
pub(crate) fn form(content_type: &str, body: &Bytes) -> Result<(Params, Option<Upload>), ApiError> {
    let malformed =
        || ApiError::new(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed.");
    let boundary = multipart::boundary(content_type).ok_or_else(malformed)?;
    let mut parts = multipart::parts(body, boundary).ok_or_else(malformed)?;
    let file = parts.pop_if(|part| part.name == "file").map(|part| Upload(part.bytes));
    let text = |part: multipart::Part| Some((part.name, String::from_utf8(part.bytes.to_vec()).ok()?));
    let fields = parts.into_iter().map(text).collect::<Option<Vec<_>>>().ok_or_else(malformed)?;
    Ok((Params::from_pairs(fields), file))
}

/// What the URL of a `ResourceFile` holds: nothing for one that is elsewhere, which is not fetched.
pub(super) fn download(
    url: &str,
    request: &Request,
    cloud: &Cloud,
    settings: &Settings,
) -> Result<Option<StoredFile>, ApiError> {
    if let Some(file) = lock(&cloud.bucket).get(url) {
        return Ok(Some(file));
    }
    let behaviour = &settings.behaviour;
    let dead = is_own(url, &request.host, &settings.upload)
        || behaviour.dead_urls.iter().any(|prefix| url.starts_with(prefix.as_str()));
    match (dead, behaviour.dead_url) {
        (false, _) => Ok(None),
        (true, DeadUrl::Refuse) => Err(ApiError::from(&behaviour.download_failed)),
        (true, DeadUrl::Empty) => Ok(Some(StoredFile::new(Bytes::new()))),
    }
}

/// An error as OSS answers it.
pub(crate) fn error_xml(error: &ApiError, host: &str, request_id: &str) -> String {
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
         <RequestId>{request_id}</RequestId><HostId>{}</HostId></Error>",
        text(&error.code),
        text(&error.message),
        text(host),
    )
}
