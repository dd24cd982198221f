//! A file's path.

use super::{Check, SUFFIX_KEEP};
use crate::path::PathError;

/// See [`PathError::Empty`].
pub const PATH_EMPTY: Check = Check::path("self != ''", PathError::Empty);
/// See [`PathError::Absolute`].
pub const PATH_ABSOLUTE: Check = Check::path("!self.startsWith('/')", PathError::Absolute);
/// See [`PathError::Folder`].
pub const PATH_FOLDER: Check = Check::path("!self.endsWith('/')", PathError::Folder);
/// See [`PathError::EmptySegment`].
pub const PATH_EMPTY_SEGMENT: Check = Check::path("!self.contains('//')", PathError::EmptySegment);
/// See [`PathError::DotSegment`].
pub const PATH_DOT_SEGMENT: Check =
    Check::path(r"!self.matches(r'(^|/)\.{1,2}(/|$)')", PathError::DotSegment);
/// See [`PathError::Control`].
pub const PATH_CONTROL: Check = Check::path(
    r"!self.matches(r'[\x00-\x1f\x7f-\x{9f}\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]')",
    PathError::Control,
);
/// See [`PathError::TooLong`]. The schema counts characters, this counts bytes.
pub const PATH_TOO_LONG: Check = Check::path("bytes(self).size() <= 1024", PathError::TooLong);
/// See [`PathError::NameTooLong`].
pub const PATH_NAME_TOO_LONG: Check =
    Check::path("bytes(self.substring(self.lastIndexOf('/') + 1)).size() <= 255", PathError::NameTooLong);
/// The suffix stays, in whatever case: type and command rest on it.
pub const PATH_SUFFIX_IMMUTABLE: Check =
    Check::new(same_suffix!("self", "oldSelf"), "the suffix of path is immutable", SUFFIX_KEEP);
/// All that a path must be, in one list.
pub const PATH_RULES: &[&Check] = &[
    &PATH_EMPTY,
    &PATH_ABSOLUTE,
    &PATH_FOLDER,
    &PATH_EMPTY_SEGMENT,
    &PATH_DOT_SEGMENT,
    &PATH_CONTROL,
    &PATH_TOO_LONG,
    &PATH_NAME_TOO_LONG,
];
