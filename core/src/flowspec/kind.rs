//! Which type a file has, and which runtime command stands for it.
//!
//! It is the vendor's table and nothing else: it must not know where a type or a command was
//! written. Rule: what the table does not hold is not guessed.

use std::fmt;
use std::str::FromStr;

/// The type of a file resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileType {
    /// A Python source file.
    Python,
    /// A Java archive.
    Jar,
    /// A compressed archive, unpacked by the engine.
    Archive,
    /// Any other file.
    File,
}

/// Suffixes of archives, in lower case.
pub const ARCHIVE_SUFFIXES: [&str; 5] = [".zip", ".tar", ".tgz", ".tar.gz", ".nar"];

/// Every command of a file resource with the data source type it belongs to and the type that it
/// stands for by default.
pub const COMMANDS: [(&str, &str, FileType); 8] = [
    ("ODPS_PYTHON", "odps", FileType::Python),
    ("ODPS_JAR", "odps", FileType::Jar),
    ("ODPS_ARCHIVE", "odps", FileType::Archive),
    ("ODPS_FILE", "odps", FileType::File),
    ("EMR_JAR", "emr", FileType::Jar),
    ("EMR_FILE", "emr", FileType::File),
    ("CDH_JAR", "cdh", FileType::Jar),
    ("CDH_FILE", "cdh", FileType::File),
];

impl FileType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Python, Self::Jar, Self::Archive, Self::File];

    /// As a document spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Jar => "jar",
            Self::Archive => "archive",
            Self::File => "file",
        }
    }

    /// The type that a suffix (with its dot, any case) stands for.
    #[must_use]
    pub fn of_suffix(suffix: &str) -> Self {
        let suffix = suffix.to_lowercase();
        match suffix.as_str() {
            ".py" => Self::Python,
            ".jar" => Self::Jar,
            archive if ARCHIVE_SUFFIXES.contains(&archive) => Self::Archive,
            _ => Self::File,
        }
    }

    /// Whether a file with this suffix may be declared as this type: Python and Jar have their
    /// own suffix, an archive one of [`ARCHIVE_SUFFIXES`] or `.jar`, a file any.
    #[must_use]
    pub fn fits_suffix(self, suffix: &str) -> bool {
        match self {
            Self::Python | Self::Jar => Self::of_suffix(suffix) == self,
            Self::Archive => matches!(Self::of_suffix(suffix), Self::Archive | Self::Jar),
            Self::File => true,
        }
    }

    /// Whether the command runs files of this type. `EMR_FILE` and `CDH_FILE` take Python files
    /// and archives too, since those engines have no command of their own for them.
    #[must_use]
    pub fn fits_command(self, command: &str) -> bool {
        COMMANDS.iter().any(|(name, engine, kind)| {
            *name == command
                && (*kind == self || (*engine != "odps" && *kind == Self::File && self != Self::Jar))
        })
    }

    /// The command for this type on a data source of that type; `None` where the table has none.
    #[must_use]
    pub fn command_on(self, datasource_type: &str) -> Option<&'static str> {
        COMMANDS
            .iter()
            .find(|(_, engine, kind)| *engine == datasource_type && *kind == self)
            .map(|(name, _, _)| *name)
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no type of a file resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of python, jar, archive, file")]
pub struct UnknownType;

impl FromStr for FileType {
    type Err = UnknownType;

    /// Any case, since the listing and the document spell it differently.
    fn from_str(text: &str) -> Result<Self, UnknownType> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownType)
    }
}

/// The data source type that a command belongs to; `None` for a command of no file resource.
#[must_use]
pub fn engine_of(command: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(name, _, _)| *name == command).map(|(_, engine, _)| *engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_give_types_in_any_case() {
        for (suffix, kind) in [
            (".py", FileType::Python),
            (".PY", FileType::Python),
            (".jar", FileType::Jar),
            (".zip", FileType::Archive),
            (".Tar.GZ", FileType::Archive),
            (".nar", FileType::Archive),
            (".gz", FileType::File),
            (".txt", FileType::File),
            ("", FileType::File),
        ] {
            assert_eq!(FileType::of_suffix(suffix), kind, "{suffix}");
        }
    }

    #[test]
    fn a_jar_may_be_an_archive_or_a_file() {
        assert!(FileType::Archive.fits_suffix(".jar"));
        assert!(FileType::File.fits_suffix(".jar"));
        assert!(!FileType::Python.fits_suffix(".jar"));
        assert!(!FileType::Archive.fits_suffix(".py"));
    }

    #[test]
    fn commands_follow_engine_and_type() {
        assert_eq!(FileType::Python.command_on("odps"), Some("ODPS_PYTHON"));
        assert_eq!(FileType::Jar.command_on("cdh"), Some("CDH_JAR"));
        assert_eq!(FileType::Python.command_on("emr"), None);
        assert_eq!(FileType::File.command_on("hologres"), None);
        assert!(FileType::Python.fits_command("EMR_FILE"));
        assert!(!FileType::Python.fits_command("ODPS_FILE"));
        assert!(!FileType::Jar.fits_command("EMR_FILE"));
        assert_eq!(engine_of("CDH_FILE"), Some("cdh"));
        assert_eq!(engine_of("ODPS_DDL"), None);
    }
}
