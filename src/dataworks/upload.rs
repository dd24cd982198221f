//! A file for the service to fetch: AuthorizeFileUpload of the Open Platform, then the form of OSS.
//!
//! It knows the form and which addresses may get it; it must not know what the bytes are for. The rules
//! it keeps: content goes by https to the vendor's storage domain or to where an administrator has
//! allowed it, whatever the answer says; a policy is used once; the bytes are held once; of the
//! storage's answer only the status counts; nothing of a policy, a signature or a URL is shown.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use dataworks_core::fault::{Class, Fault};
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use tokio::time::Instant;
use url::Url;

use super::call::{Call, Service, unanswered};
use super::endpoint::{Endpoint, Region};
use super::error::{Certainty, Effect, Failure, code};
use super::transport::Connection;
pub use super::types::UploadTicket;
use super::{Client, Inner, answer};

/// Where uploads are authorized.
pub const OPEN_PLATFORM: &str = "https://openplatform.aliyuncs.com";
/// What uploads are authorized for.
const PRODUCT: &str = "dataworks-public";
/// The domain of OSS, of which an endpoint is one label.
const STORAGE_DOMAIN: &str = ".aliyuncs.com";

/// Where uploads are authorized, and where they may go.
#[derive(Clone, Debug)]
pub struct UploadConfig {
    /// The Open Platform.
    pub open_platform: Endpoint,
    /// The region of the workspaces; without it nothing can be uploaded.
    pub region: Option<Region>,
    /// Addresses beside the vendor's storage domain that content may be sent to.
    pub allowed: Vec<Endpoint>,
}

impl UploadTicket {
    /// What `ResourceFile` names the object with: http and an uncoded name, as the vendor's SDK has it.
    #[must_use]
    pub fn resource_file(&self) -> String {
        format!("http://{}.{}/{}", self.bucket, self.endpoint, self.key)
    }

    /// Where the form goes; nothing when it may not go there.
    fn address(&self, allowed: &[Endpoint]) -> Option<Url> {
        let host = format!("{}.{}", self.bucket, self.endpoint);
        let is_storage = is_label(&self.bucket)
            && self
                .endpoint
                .strip_suffix(STORAGE_DOMAIN)
                .is_some_and(|name| name.starts_with("oss-") && is_label(name));
        if is_storage {
            return Url::parse(&format!("https://{host}/")).ok();
        }
        allowed.iter().find(|endpoint| endpoint.host() == host).map(|endpoint| endpoint.url().clone())
    }

    /// What stands before and after the file.
    fn form(&self, boundary: &str) -> (String, String) {
        let mut head = String::with_capacity(2048);
        let fields = [
            ("OSSAccessKeyId", self.access_key_id.as_str()),
            ("Signature", &self.signature),
            ("host", &self.endpoint),
            ("key", &self.key),
            ("policy", &self.policy),
            ("success_action_status", "201"),
        ];
        for (name, value) in fields {
            head.extend([
                "--",
                boundary,
                "\r\nContent-Disposition: form-data; name=\"",
                name,
                "\"\r\n\r\n",
                value,
                "\r\n",
            ]);
        }
        head.extend([
            "--",
            boundary,
            "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
            &self.key,
        ]);
        head.push_str("\"\r\nContent-Type: \r\n\r\n");
        (head, format!("\r\n--{boundary}--\r\n"))
    }
}

/// A label of a host name, as a bucket and an endpoint are one.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl Client {
    /// AuthorizeFileUpload: the right to store one object. Not a DataWorks call, so it costs nothing of
    /// the budget.
    ///
    /// # Errors
    /// A fault.
    pub async fn authorize_file_upload(&self) -> Result<UploadTicket, Fault> {
        let region = self.inner.upload.region.as_ref().ok_or_else(no_region)?;
        let parameters = [("Product", PRODUCT), ("RegionId", region.as_str())];
        let call = Call {
            service: Service::OpenPlatform,
            ..Call::new("AuthorizeFileUpload", Effect::Read, &parameters)
        };
        self.inner.call(&call, answer::upload_ticket).await.map_err(|failure| failure.fault)
    }

    /// PostObject: stores these bytes where the ticket says. An upload that failed may have been made
    /// all the same, which is harmless: nobody knows the object.
    ///
    /// # Errors
    /// A fault; the ticket is then not to be used again.
    pub async fn post_object(&self, ticket: &UploadTicket, content: Bytes) -> Result<(), Fault> {
        let call = Call::new("PostObject", Effect::Write, &[]);
        let started = Instant::now();
        let mut status = None;
        let end = self.inner.post(ticket, content, started, &mut status).await;
        self.inner.report(&call, started, status, end.as_ref().err(), None);
        end
    }
}

impl Inner {
    async fn post(
        &self,
        ticket: &UploadTicket,
        content: Bytes,
        started: Instant,
        status: &mut Option<u16>,
    ) -> Result<(), Fault> {
        let address = ticket.address(&self.upload.allowed).ok_or_else(|| address_refused(ticket))?;
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let (head, tail) = ticket.form(&boundary);
        let mut request = Request::new(Method::POST, address);
        let form = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
        if let Ok(form) = form {
            request.headers_mut().insert(CONTENT_TYPE, form);
        }
        let body = Chunks(VecDeque::from([Bytes::from(head), content, Bytes::from(tail)]));
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let deadline = started + self.transport.call_deadline;
        let answer = self.transport.send(request, Connection::Pooled, deadline).await;
        let answer = answer.map_err(|error| unanswered(error).fault)?;
        *status = Some(answer.status);
        match answer.status {
            200..300 => Ok(()),
            // Too large, or not what the bucket takes: the next policy will say the same.
            status @ (400 | 413) => Err(refused(Class::Terminal, status)),
            // A policy that has ended, above all: there is a new one for the next try.
            status => Err(refused(Class::Transient, status)),
        }
    }
}

fn ours(class: Class, code: &str, message: &str) -> Fault {
    Failure::of_ours(class, code, message, Certainty::Nothing).fault
}

fn no_region() -> Fault {
    ours(Class::Terminal, code::NO_REGION, "content can be uploaded only where the region is known")
}

fn refused(class: Class, status: u16) -> Fault {
    ours(class, code::UPLOAD_REFUSED, &format!("the storage answered the upload with HTTP {status}"))
}

fn address_refused(ticket: &UploadTicket) -> Fault {
    let message = format!(
        "the service named {}.{} for the upload, which is neither https to Alibaba Cloud's storage nor on the \
         operator's list; nothing was sent there",
        ticket.bucket, ticket.endpoint
    );
    ours(Class::Terminal, code::UPLOAD_ADDRESS_REFUSED, &message)
}

/// A body of a few pieces, none of which is copied.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(bucket: &str, endpoint: &str) -> UploadTicket {
        let text = |text: &str| text.to_owned();
        UploadTicket {
            access_key_id: text("LTAI"),
            bucket: text(bucket),
            endpoint: text(endpoint),
            policy: text("e30="),
            signature: text("c2ln"),
            key: text("dataworks-public/é obj+1.bin"),
            request_id: text("R"),
        }
    }

    #[test]
    fn content_goes_to_the_vendors_storage_or_where_it_is_allowed() {
        let allowed: Vec<Endpoint> =
            ["http://127.0.0.1:8080", "store.example.com"].map(|text| text.parse().unwrap()).into();
        let rows = [
            ("op-sh", "oss-cn-shanghai.aliyuncs.com", Some("https://op-sh.oss-cn-shanghai.aliyuncs.com/")),
            ("op-sh", "oss-accelerate.aliyuncs.com", Some("https://op-sh.oss-accelerate.aliyuncs.com/")),
            ("127", "0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("store", "example.com", Some("https://store.example.com/")),
            ("127", "0.0.1:8081", None),
            ("op-sh", "dataworks.aliyuncs.com", None),
            ("op-sh", "oss-cn-shanghai.aliyuncs.com.example.com", None),
            ("op-sh", "oss-x.example.com/.aliyuncs.com", None),
            ("op-sh", "oss-a.b.aliyuncs.com", None),
            ("op-sh", "oss-cn-shanghai.aliyuncs.com:8443", None),
            ("example.com/x", "oss-cn-shanghai.aliyuncs.com", None),
            ("u@op-sh", "oss-cn-shanghai.aliyuncs.com", None),
            ("other", "example.com", None),
            ("", "oss-cn-shanghai.aliyuncs.com", None),
        ];
        for (bucket, endpoint, want) in rows {
            let got = ticket(bucket, endpoint).address(&allowed);
            assert_eq!(got.as_ref().map(Url::as_str), want, "{bucket} {endpoint}");
        }
    }

    #[test]
    fn the_form_and_the_url_are_the_vendors() {
        let vectors = [
            include_str!("../../tests/fixtures/vectors/create-resource-upload.json"),
            include_str!("../../tests/fixtures/vectors/create-resource-upload-text.json"),
            include_str!("../../tests/fixtures/vectors/create-resource-upload-denied.json"),
            include_str!("../../tests/fixtures/vectors/update-resource-upload.json"),
        ];
        for vector in vectors {
            let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
            let [authorized, posted, named @ ..] = vector["requests"].as_array().unwrap().as_slice() else {
                panic!()
            };
            let answer = authorized["response"]["body"].as_str().unwrap();
            let ticket = answer::upload_ticket(answer.as_bytes(), k8s_openapi::jiff::Timestamp::MIN).unwrap();
            let decode = |text: &serde_json::Value| {
                let text = serde_json::from_value::<k8s_openapi::ByteString>(text.clone());
                text.ok().map(|bytes| bytes.0)
            };
            let text = |text: &serde_json::Value| text.as_str().map(|text| text.as_bytes().to_vec());
            let input = &vector["input"];
            let file =
                text(&input["resource_file"]).or_else(|| decode(&input["resource_file_base64"])).unwrap();
            let want = text(&posted["body"]).or_else(|| decode(&posted["body_base64"])).unwrap();
            let (head, tail) = ticket.form("00000000000042");
            assert_eq!([head.as_bytes(), &file, tail.as_bytes()].concat(), want, "{}", vector["name"]);
            let host = posted["headers"]["host"].as_str().unwrap();
            assert_eq!(ticket.address(&[]).unwrap().as_str(), format!("https://{host}/"));
            for request in named {
                let mut form = request["form"].as_array().unwrap().iter();
                let file = form.find(|pair| pair[0] == "ResourceFile").unwrap();
                assert_eq!(file[1], ticket.resource_file());
            }
        }
    }
}
