//! A file's type, command and data source.

use super::{COMMAND_TYPE_CURE, Check, KEEP};

const SUFFIX_CURE: &str = "Python needs .py, Jar .jar, Archive .zip, .tar, .tgz, .tar.gz, .nar or .jar, File takes any; write a type that fits, or leave it out";
/// A declared type fits the suffix.
pub const TYPE_FITS_SUFFIX: Check = Check::at(
    ".type",
    r"!has(self.type) || !has(self.path) || (self.type == 'Python' ? self.path.matches(r'(?i)[^/]\.py$') : self.type == 'Jar' ? self.path.matches(r'(?i)[^/]\.jar$') : self.type == 'Archive' ? self.path.matches(r'(?i)[^/]\.(zip|tar|tgz|nar|tar\.gz|jar)$') : true)",
    "type does not fit the suffix of path",
    SUFFIX_CURE,
);
/// The type stays.
pub const TYPE_IMMUTABLE: Check = Check::at(".type", fixed!("type"), "type is immutable", KEEP);
/// The command is one of file resources.
pub const COMMAND_KNOWN: Check = Check::new(
    "self in ['ODPS_PYTHON', 'ODPS_JAR', 'ODPS_ARCHIVE', 'ODPS_FILE', 'EMR_JAR', 'EMR_FILE', 'CDH_JAR', 'CDH_FILE']",
    "command is none of a file resource",
    "write ODPS_PYTHON, ODPS_JAR, ODPS_ARCHIVE, ODPS_FILE, EMR_JAR, EMR_FILE, CDH_JAR or CDH_FILE",
);
/// The command runs files of the type.
pub const COMMAND_FITS_TYPE: Check = Check::at(
    ".command",
    concat!(
        "!has(self.command) || !has(self.path) || ",
        command_fits!("self.command", typed_type!(), "Python", "Jar", "Archive", "File")
    ),
    "command does not run files of this type",
    COMMAND_TYPE_CURE,
);
/// The command belongs to the engine of the data source.
pub const COMMAND_FITS_DATASOURCE: Check = Check::at(
    ".command",
    "!has(self.command) || !has(self.datasource) || !(self.datasource.type in ['odps', 'emr', 'cdh']) || self.command.startsWith(self.datasource.type.upperAscii() + '_')",
    "command belongs to another engine than datasource.type",
    "odps takes ODPS_ commands, emr EMR_ and cdh CDH_; write one of them, or leave command out",
);
/// A command that is left out can be derived.
pub const COMMAND_DERIVABLE: Check = Check::at(
    ".command",
    concat!(
        "has(self.command) || !has(self.path) || !has(self.datasource) || self.datasource.type == 'odps' || (self.datasource.type in ['emr', 'cdh'] && ",
        typed_type!(),
        " in ['Jar', 'File'])"
    ),
    "command is missing and does not follow from datasource.type and the file's type",
    "write command",
);
/// The command stays.
pub const COMMAND_IMMUTABLE: Check = Check::at(".command", fixed!("command"), "command is immutable", KEEP);
/// A data source has a name.
pub const DATASOURCE_NAME: Check = Check::new(
    r"self.matches(r'^[^ \x00-\x1f\x7f-\x{9f}]+$')",
    "datasource.name is empty or has spaces or control characters",
    "write the name as the workspace lists it, such as odps_first",
);
/// A data source's type is a lower-case word.
pub const DATASOURCE_TYPE: Check = Check::new(
    "self.matches('^[a-z][a-z0-9_]*$')",
    "datasource.type is not a word in lower case",
    "write the type as a document spells it: odps (MaxCompute), emr, cdh",
);
/// The data source stays once it is there.
pub const DATASOURCE_SET_ONCE: Check = Check::at(
    ".datasource",
    "!has(oldSelf.datasource) || (has(self.datasource) && self.datasource == oldSelf.datasource)",
    "datasource is immutable once set",
    KEEP,
);
/// A data source that is added must not change the command.
pub const DATASOURCE_KEEPS_COMMAND: Check = Check::at(
    ".datasource",
    "has(oldSelf.datasource) || !has(self.datasource) || has(self.command) || self.datasource.type == 'odps'",
    "this datasource would change the command, which is immutable",
    "leave datasource out or name one of type odps, or make a new object",
);
