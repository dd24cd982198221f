//! Small texts and what they may look like: the rules' regular expressions, said in Rust.

/// Not empty, no spaces, no control characters.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c == ' ' || c.is_control())
}

/// `[a-z][a-z0-9_]*`.
pub(crate) fn is_datasource_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `[A-Za-z0-9_-]+`.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// An http or https URL with a host, without user name, spaces and control characters.
pub(crate) fn is_download_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !authority.is_empty()
        && !authority.contains('@')
        && !text.chars().any(|c| c == ' ' || c.is_ascii_control())
}

/// The name of a Kubernetes object: labels of lower-case letters, digits and `-`, with dots between.
pub(crate) fn is_object_name(text: &str) -> bool {
    let is_edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 253
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            let inner = bytes.iter().all(|b| is_edge(Some(b)) || *b == b'-');
            inner && is_edge(bytes.first()) && is_edge(bytes.last())
        })
}
