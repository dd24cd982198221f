//! The raw document.

use super::{COMMAND_TYPE_CURE, Check, KEEP, SUFFIX_KEEP};

/// A format version.
pub const FLOW_SPEC_VERSION: Check =
    Check::new("self != ''", "version is empty", "write the version of the document's format, such as 1.1.0");
/// Content stands in one place.
pub const FLOW_SPEC_CONTENT: Check = Check::at(
    ".content",
    "!has(self.flowSpec) || !has(self.content) || self.flowSpec.spec.fileResources.all(r, !has(r.script.content) || r.script.content == '')",
    "content stands in flowSpec's script.content and beside it",
    "leave script.content empty, or remove content",
);
/// The name is the path's last segment.
pub const FLOW_SPEC_NAME: Check = Check::at(
    ".name",
    "self.script.path.substring(self.script.path.lastIndexOf('/') + 1) == self.name",
    "name is not the last segment of script.path",
    "end script.path with the name, or write the path's file name into name",
);
/// The type as a document spells it.
pub const FLOW_SPEC_TYPE: Check = Check::new(
    "self in ['python', 'jar', 'archive', 'file']",
    "type is none of a file resource",
    "write python, jar, archive or file, in lower case",
);
/// A declared type fits the suffix.
pub const FLOW_SPEC_TYPE_FITS: Check = Check::at(
    ".type",
    r"!has(self.type) || (self.type == 'python' ? self.script.path.matches(r'(?i)[^/]\.py$') : self.type == 'jar' ? self.script.path.matches(r'(?i)[^/]\.jar$') : self.type == 'archive' ? self.script.path.matches(r'(?i)[^/]\.(zip|tar|tgz|nar|tar\.gz|jar)$') : true)",
    "type does not fit the suffix of script.path",
    "python needs .py, jar .jar, archive .zip, .tar, .tgz, .tar.gz, .nar or .jar, file takes any; write a type that fits",
);
/// The command runs files of the type.
pub const FLOW_SPEC_COMMAND_FITS: Check = Check::at(
    ".script.runtime.command",
    command_fits!(
        "self.script.runtime.command",
        concat!(
            "(has(self.type) ? self.type : ",
            suffix_type!("self.script.path", "python", "jar", "archive", "file"),
            ")"
        ),
        "python",
        "jar",
        "archive",
        "file"
    ),
    "command does not run files of this type",
    COMMAND_TYPE_CURE,
);
/// The storage is one that the service knows.
pub const FLOW_SPEC_STORAGE: Check = Check::new(
    "self in ['local', 'oss', 'hdfs']",
    "storage.type is none that the service knows",
    "write local, oss or hdfs, or leave storage empty",
);
/// The suffix stays, in whatever case.
pub const FLOW_SPEC_SUFFIX_IMMUTABLE: Check = Check::new(
    same_suffix!("self.spec.fileResources[0].script.path", "oldSelf.spec.fileResources[0].script.path"),
    "the suffix of flowSpec's script.path is immutable",
    SUFFIX_KEEP,
);
/// The type stays.
pub const FLOW_SPEC_TYPE_IMMUTABLE: Check = Check::new(
    "has(self.spec.fileResources[0].type) == has(oldSelf.spec.fileResources[0].type) && (!has(self.spec.fileResources[0].type) || self.spec.fileResources[0].type == oldSelf.spec.fileResources[0].type)",
    "type of flowSpec is immutable",
    KEEP,
);
/// The command stays.
pub const FLOW_SPEC_COMMAND_IMMUTABLE: Check = Check::new(
    "self.spec.fileResources[0].script.runtime.command == oldSelf.spec.fileResources[0].script.runtime.command",
    "script.runtime.command of flowSpec is immutable",
    KEEP,
);
/// The data source stays once it is there.
pub const FLOW_SPEC_DATASOURCE_SET_ONCE: Check = Check::new(
    "!has(oldSelf.spec.fileResources[0].datasource) || (has(self.spec.fileResources[0].datasource) && self.spec.fileResources[0].datasource.name == oldSelf.spec.fileResources[0].datasource.name && self.spec.fileResources[0].datasource.type == oldSelf.spec.fileResources[0].datasource.type)",
    "datasource of flowSpec is immutable once set",
    KEEP,
);
