//! A resource's path in its workspace, parsed once.
//!
//! It knows what a path is made of. It must not know where a path came from (a field, a document,
//! a listing) nor what the resource holds. Rule: a [`ResourcePath`] always has a file name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// The longest path, in bytes of UTF-8. No limit is documented; 1,024 is what OSS allows for the
/// name of an object, the narrowest store that a file passes through.
pub const MAX_PATH_BYTES: usize = 1024;

/// The longest file name, in bytes of UTF-8: what common file systems take.
pub const MAX_NAME_BYTES: usize = 255;

/// A relative path such as `Folder/Sub/file.py`: clean segments, the file name last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourcePath {
    text: String,
    /// Where the file name begins, in bytes.
    name_at: usize,
}

/// Why a text is no path of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathError {
    /// Nothing at all.
    Empty,
    /// It begins with `/`.
    Absolute,
    /// It ends with `/`, so it names a folder.
    Folder,
    /// `//`: a segment without a name.
    EmptySegment,
    /// A segment that is `.` or `..`.
    DotSegment,
    /// A control character (C0, DEL, C1) or one that changes the direction of text.
    Control,
    /// More than [`MAX_PATH_BYTES`].
    TooLong,
    /// The last segment has more than [`MAX_NAME_BYTES`].
    NameTooLong,
}

impl PathError {
    /// What is wrong.
    #[must_use]
    pub const fn wrong(self) -> &'static str {
        match self {
            Self::Empty => "the path is empty",
            Self::Absolute => "the path begins with '/', but paths are relative to the workspace",
            Self::Folder => "the path ends with '/', so it names a folder and no file",
            Self::EmptySegment => "the path has an empty segment ('//')",
            Self::DotSegment => "the path has a segment '.' or '..'",
            Self::Control => "the path has a control character or one that changes the direction of text",
            Self::TooLong => "the path is longer than 1024 bytes",
            Self::NameTooLong => "the file name is longer than 255 bytes",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        match self {
            Self::Empty => "write the folders and the file name, such as Folder/file.py",
            Self::Absolute => "remove the leading '/'",
            Self::Folder => "end it with the file name",
            Self::EmptySegment => "leave a single '/' between two names",
            Self::DotSegment => "write the names of the folders out",
            Self::Control => "remove that character",
            Self::TooLong | Self::NameTooLong => "shorten it",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.wrong(), self.cure())
    }
}

impl std::error::Error for PathError {}

impl ResourcePath {
    /// The whole path, as the service takes it in `script.path`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folders without the file name and without a trailing `/`; empty at the root. This is
    /// what MoveResource takes.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.text[..self.name_at].trim_end_matches('/')
    }

    /// The file name with its suffix. This is what RenameResource takes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }

    /// The suffix with its dot, in lower case: `.py`, `.tar.gz`; empty where the name has none
    /// (a leading dot starts a hidden file and no suffix).
    #[must_use]
    pub fn suffix(&self) -> String {
        let name = self.name().to_lowercase();
        let stem_and_more = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
        if stem_and_more(".tar.gz") {
            return ".tar.gz".to_owned();
        }
        match name.rfind('.') {
            None | Some(0) => String::new(),
            Some(dot) => name[dot..].to_owned(),
        }
    }

    /// What two paths are compared by when they could be one file: composed (NFC), without case.
    #[must_use]
    pub fn claim_key(&self) -> String {
        claim_key(&self.text)
    }

    /// [`Self::claim_key`] of the file name alone: an engine may know a resource by name only.
    #[must_use]
    pub fn name_claim_key(&self) -> String {
        claim_key(self.name())
    }
}

/// NFC and lower case. Lower-casing can undo a composition, so it is composed again.
#[must_use]
pub fn claim_key(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Whether the character is a control (C0, DEL, C1) or changes the direction of text.
#[must_use]
pub fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl FromStr for ResourcePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wrong = [
            (text.is_empty(), PathError::Empty),
            (text.len() > MAX_PATH_BYTES, PathError::TooLong),
            (text.chars().any(is_forbidden), PathError::Control),
            (text.starts_with('/'), PathError::Absolute),
            (text.ends_with('/'), PathError::Folder),
            (text.contains("//"), PathError::EmptySegment),
            (text.split('/').any(|s| s == "." || s == ".."), PathError::DotSegment),
        ];
        if let Some((_, error)) = wrong.into_iter().find(|(failed, _)| *failed) {
            return Err(error);
        }
        let name_at = text.rfind('/').map_or(0, |slash| slash + 1);
        if text.len() - name_at > MAX_NAME_BYTES {
            return Err(PathError::NameTooLong);
        }
        Ok(Self { text: text.to_owned(), name_at })
    }
}

impl TryFrom<String> for ResourcePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<ResourcePath> for String {
    fn from(path: ResourcePath) -> Self {
        path.text
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_falls_into_folder_name_and_suffix() {
        for (text, folder, name, suffix) in [
            ("a.py", "", "a.py", ".py"),
            ("XX/b/c.JAR", "XX/b", "c.JAR", ".jar"),
            ("XX/deps.tar.gz", "XX", "deps.tar.gz", ".tar.gz"),
            ("XX/DEPS.TAR.GZ", "XX", "DEPS.TAR.GZ", ".tar.gz"),
            ("XX/.tar.gz", "XX", ".tar.gz", ".gz"),
            ("XX/.hidden", "XX", ".hidden", ""),
            ("XX/none", "XX", "none", ""),
            ("目录/文件.py", "目录", "文件.py", ".py"),
        ] {
            let path: ResourcePath = text.parse().unwrap();
            assert_eq!(
                (path.folder(), path.name(), path.suffix().as_str()),
                (folder, name, suffix),
                "{text}"
            );
            assert_eq!(path.as_str(), text);
        }
    }

    #[test]
    fn what_is_no_path_says_why() {
        let long = "a/".repeat(600) + "b";
        let long_name = "é".repeat(128);
        for (text, error) in [
            ("", PathError::Empty),
            ("/a.py", PathError::Absolute),
            ("/", PathError::Absolute),
            ("a/", PathError::Folder),
            ("a//b", PathError::EmptySegment),
            ("./b", PathError::DotSegment),
            ("a/../b", PathError::DotSegment),
            ("..", PathError::DotSegment),
            ("a\nb", PathError::Control),
            ("a\u{7f}b", PathError::Control),
            ("a\u{85}b", PathError::Control),
            ("a\u{202e}b", PathError::Control),
            ("a\u{2067}b", PathError::Control),
            (&long, PathError::TooLong),
            (&long_name, PathError::NameTooLong),
        ] {
            assert_eq!(text.parse::<ResourcePath>(), Err(error), "{text:?}");
        }
        for good in ["a.b/..c/d..", "a b/ü.py", "...", &"é".repeat(127)] {
            assert!(good.parse::<ResourcePath>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn claim_keys_ignore_case_and_composition() {
        let key = |text: &str| text.parse::<ResourcePath>().unwrap().claim_key();
        assert_eq!(key("XX/É.py"), key("xx/e\u{301}.PY"));
        assert_ne!(key("XX/e.py"), key("XX/é.py"));
    }
}
