//! The form of OSS' PostObject, taken apart.
//!
//! Strict, as the vendor's description is: every field has a name, and the file comes last.

use axum::body::Bytes;

/// Parts of a form; the vendor's own has seven.
const MOST_PARTS: usize = 32;

/// One part.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/form-data;")?.trim().strip_prefix("boundary=")?;
    let boundary = rest.trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The parts in order; nothing where the body is not such a form to its end.
pub(crate) fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut at = body.strip_prefix(&delimiter.as_bytes()[2..]).map(|rest| body.len() - rest.len())?;
    let mut parts = Vec::new();
    loop {
        match body.get(at..at + 2)? {
            b"--" => return (!parts.is_empty()).then_some(parts),
            b"\r\n" if parts.len() < MOST_PARTS => {}
            _ => return None,
        }
        let head = at + 2;
        let blank = head + find(&body[head..], b"\r\n\r\n")?;
        let begin = blank + 4;
        let end = begin + find(&body[begin..], delimiter.as_bytes())?;
        let name = name_of(std::str::from_utf8(&body[head..blank]).ok()?)?;
        parts.push(Part { name, bytes: body.slice(begin..end) });
        at = end + delimiter.len();
    }
}

fn name_of(headers: &str) -> Option<String> {
    let disposition =
        headers.lines().find_map(|line| line.strip_prefix("Content-Disposition: form-data; "))?;
    let rest = disposition.strip_prefix("name=\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    loop {
        from += haystack.get(from..)?.iter().position(|byte| byte == first)?;
        if haystack[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        let parts = parts(&Bytes::copy_from_slice(body.as_bytes()), "b")?;
        Some(parts.into_iter().map(|p| (p.name, String::from_utf8(p.bytes.to_vec()).unwrap())).collect())
    }

    #[test]
    fn a_form_is_read_to_its_end_or_not_at_all() {
        let part =
            |name: &str, text: &str| format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}");
        let whole =
            format!("--b\r\n{}\r\n--b\r\n{}\r\n--b--\r\n", part("k", "1"), part("file", "a\r\n--c\r\n"));
        let want = vec![("k".to_owned(), "1".to_owned()), ("file".to_owned(), "a\r\n--c\r\n".to_owned())];
        assert_eq!(read(&whole), Some(want));
        for cut in ["", "--b", "--b--", "x", &whole[..whole.len() - 6], &whole[..20], &whole[1..]] {
            assert_eq!(read(cut), None, "{cut:?}");
        }
        assert_eq!(boundary("multipart/form-data; boundary=00042"), Some("00042"));
        for other in ["application/json", "multipart/form-data", "multipart/form-data; boundary="] {
            assert_eq!(boundary(other), None, "{other:?}");
        }
    }
}
