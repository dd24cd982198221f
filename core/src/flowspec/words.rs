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

/// A lower-case DNS subdomain, as most objects of Kubernetes are named.
pub(crate) fn is_object_name(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A key of a ConfigMap.
pub(crate) fn is_config_map_key(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(is_inner) && text != "." && !text.starts_with("..")
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
