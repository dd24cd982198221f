//! Where a file's content comes from.

use super::Check;

/// Exactly one source.
pub const CONTENT_ONE_OF: Check = Check::new(
    "[has(self.inline), has(self.configMapKeyRef), has(self.url)].exists_one(there, there)",
    "content needs exactly one of inline, configMapKeyRef and url",
    "write inline for text, configMapKeyRef for a key of a ConfigMap, or url for a file to download",
);
/// The limit of inline text, in bytes. The schema counts characters.
pub const INLINE_BYTES: Check = Check::new(
    "bytes(self).size() <= 131072",
    "the text is longer than 131072 bytes of UTF-8",
    "shorten it, or put it into a ConfigMap (content.configMapKeyRef) or behind a URL (content.url)",
);
/// A jar or an archive is no text.
pub const INLINE_IS_TEXT: Check = Check::at(
    ".content",
    concat!(
        "!has(self.path) || !has(self.content) || !has(self.content.inline) || !(",
        typed_type!(),
        " in ['Jar', 'Archive'])"
    ),
    "a jar or an archive cannot be written as inline text",
    "write content.configMapKeyRef (with binaryData) or content.url",
);
/// A name that a ConfigMap can have.
pub const CONFIG_MAP_NAME: Check = Check::new(
    r"self.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
    "configMapKeyRef.name is no name of a ConfigMap",
    "write the name as kubectl get configmaps shows it, without the namespace",
);
/// A key that a ConfigMap can have.
pub const CONFIG_MAP_KEY: Check = Check::new(
    "self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",
    "configMapKeyRef.key is no key of a ConfigMap",
    "write a key of its data or binaryData, such as cleaner.py",
);
/// What the service can download.
pub const URL: Check = Check::new(
    r"self.matches(r'^https?://[^/?#@ \x00-\x1f\x7f]+([/?#][^ \x00-\x1f\x7f]*)?$')",
    "url.location is no http or https URL with a host, without user name and spaces",
    "write a URL that the service can download, such as https://example.com/lib.jar",
);
/// 64 hex digits.
pub const SHA256: Check = Check::new(
    "self.matches('^[0-9a-fA-F]{64}$')",
    "sha256 is not 64 hex digits",
    "write what sha256sum prints for the file, or leave it out",
);
