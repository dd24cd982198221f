//! Every admission rule with its message, named.
//!
//! A [`Check`] is one rule in two places: as CEL in the schema, where the API server evaluates it,
//! and as text in the conversion, which decides the same again for objects that never passed
//! admission. Rule: the message is written once, here or in `path`. It must not know who applies it.

use kube::core::{Message, Rule};
use serde_json::Value;

use crate::path::PathError;

/// One rule: what CEL says and what a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The CEL expression, with `self` bound to the value where the rule stands.
    pub cel: &'static str,
    /// What is wrong.
    pub wrong: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    /// The field that is to blame, as a path from where the rule stands (`.type`); empty: itself.
    pub blames: &'static str,
}

impl Check {
    const fn new(cel: &'static str, wrong: &'static str, cure: &'static str) -> Self {
        Self { cel, wrong, cure, blames: "" }
    }

    const fn at(blames: &'static str, cel: &'static str, wrong: &'static str, cure: &'static str) -> Self {
        Self { cel, wrong, cure, blames }
    }

    const fn path(cel: &'static str, error: PathError) -> Self {
        Self::new(cel, error.wrong(), error.cure())
    }

    /// The message, as admission shows it.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}: {}", self.wrong, self.cure)
    }

    /// The rules as `x-kubernetes-validations`.
    #[must_use]
    pub fn to_json(checks: &[&Self]) -> Value {
        checks
            .iter()
            .map(|check| {
                let mut rule = serde_json::json!({"rule": check.cel, "message": check.message()});
                if !check.blames.is_empty() {
                    rule["fieldPath"] = check.blames.into();
                }
                rule
            })
            .collect()
    }
}

impl From<&Check> for Rule {
    fn from(check: &Check) -> Self {
        let rule = Rule::new(check.cel).message(Message::Message(check.message()));
        if check.blames.is_empty() { rule } else { rule.field_path(check.blames) }
    }
}

/// A CEL expression: the type that the suffix of the path stands for.
macro_rules! suffix_type {
    ($path:literal, $python:literal, $jar:literal, $archive:literal, $file:literal) => {
        concat!(
            "(",
            $path,
            r".matches(r'(?i)[^/]\.py$') ? '",
            $python,
            "' : ",
            $path,
            r".matches(r'(?i)[^/]\.jar$') ? '",
            $jar,
            "' : ",
            $path,
            r".matches(r'(?i)[^/]\.(zip|tar|tgz|nar|tar\.gz)$') ? '",
            $archive,
            "' : '",
            $file,
            "')"
        )
    };
}

/// A CEL expression: the type of the typed form, declared or from the suffix.
macro_rules! typed_type {
    () => {
        concat!(
            "(has(self.type) ? self.type : ",
            suffix_type!("self.path", "Python", "Jar", "Archive", "File"),
            ")"
        )
    };
}

/// A CEL expression: whether the command runs files of the type.
macro_rules! command_fits {
    ($command:literal, $type:expr, $python:literal, $jar:literal, $archive:literal, $file:literal) => {
        concat!(
            $type,
            " in (",
            $command,
            " == 'ODPS_PYTHON' ? ['",
            $python,
            "'] : ",
            $command,
            ".endsWith('_JAR') ? ['",
            $jar,
            "'] : ",
            $command,
            " == 'ODPS_ARCHIVE' ? ['",
            $archive,
            "'] : ",
            $command,
            " == 'ODPS_FILE' ? ['",
            $file,
            "'] : ['",
            $python,
            "', '",
            $archive,
            "', '",
            $file,
            "'])"
        )
    };
}

/// A CEL expression: whether two paths have the same suffix: `.tar.gz`, or what follows the last dot
/// of the name unless that is its first character. `find` answers with the character before it.
macro_rules! same_suffix {
    ($new:literal, $old:literal) => {
        concat!(
            "[",
            $new,
            ".find(r'(?i)[^/](\\.tar\\.gz|\\.[^./]*)$').lowerAscii()].all(n, [",
            $old,
            ".find(r'(?i)[^/](\\.tar\\.gz|\\.[^./]*)$').lowerAscii()].all(o, n == '' || o == '' ? n == o : n.substring(1) == o.substring(1)))"
        )
    };
}

/// A CEL expression: an optional field that is neither added, removed nor changed.
macro_rules! fixed {
    ($field:literal) => {
        concat!(
            "has(self.",
            $field,
            ") == has(oldSelf.",
            $field,
            ") && (!has(self.",
            $field,
            ") || self.",
            $field,
            " == oldSelf.",
            $field,
            ")"
        )
    };
}

const KEEP: &str = "put the old value back, or make a new object for the new one";
const SUFFIX_KEEP: &str = "end the path with the old suffix, or make a new object for the new file";

// Workspace and form.

/// A workspace id is a positive number.
pub const PROJECT_ID: Check = Check::new(
    "self >= 1",
    "projectId is not positive",
    "write the workspace's id, a number from 1, as the console shows it",
);
/// The workspace stays.
pub const PROJECT_ID_IMMUTABLE: Check = Check::new("self == oldSelf", "projectId is immutable", KEEP);
/// One way to the workspace.
pub const WORKSPACE_ONE_OF: Check = Check::new(
    "has(self.projectId) != has(self.workspaceRef)",
    "an object needs exactly one of projectId and workspaceRef",
    "write projectId for a workspace on the operator's default connection, or workspaceRef with the name of a DataWorksWorkspace of this namespace",
);
/// A name of a Kubernetes object.
pub const OBJECT_NAME: Check = Check::new(
    r"self.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
    "name is no name of a Kubernetes object",
    "write the object's metadata.name: lower-case letters, digits, '-' and '.', a letter or digit at each end",
);
/// A raw document stands alone.
pub const FORM_EXCLUSIVE: Check = Check::at(
    ".flowSpec",
    "!has(self.flowSpec) || !(has(self.path) || has(self.type) || has(self.datasource) || has(self.command) || has(self.owner) || has(self.description) || has(self.resourceGroup) || has(self.storage))",
    "flowSpec stands beside fields that it replaces",
    "write path, type, datasource, command, owner, description, resourceGroup and storage inside flowSpec, or remove flowSpec",
);
/// The typed form needs a path.
pub const FORM_PATH: Check = Check::at(
    ".path",
    "has(self.flowSpec) || has(self.path)",
    "path is missing",
    "write the file's path in the workspace, such as Folder/file.py, or a whole document in flowSpec",
);
/// The typed form needs content.
pub const FORM_CONTENT: Check = Check::at(
    ".content",
    "has(self.flowSpec) || has(self.content)",
    "content is missing",
    "write content.inline (text), content.configMapKeyRef (text or any file) or content.url (a file to download)",
);
/// The form stays.
pub const FORM_FIXED: Check = Check::new(
    "has(self.flowSpec) == has(oldSelf.flowSpec)",
    "an object keeps its form, typed fields or flowSpec",
    "keep to the form it was made with, or make a new object",
);

// A workspace.

/// A region's id.
pub const REGION: Check = Check::new(
    "self.matches('^[a-z]{2}-[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    "region is no region's id",
    "write one such as cn-shanghai",
);
/// The region stays.
pub const REGION_IMMUTABLE: Check = Check::new("self == oldSelf", "region is immutable", KEEP);
/// An endpoint is a host.
pub const ENDPOINT_HOST: Check = Check::new(
    r"self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$')",
    "endpoint is no host in lower case",
    "write the host alone, without https:// and without a path, such as dataworks.cn-shanghai.aliyuncs.com",
);
/// An endpoint says the network.
pub const ENDPOINT_OR_NETWORK: Check = Check::at(
    ".network",
    "!has(self.endpoint) || !has(self.network)",
    "network stands beside endpoint, which decides it",
    "remove one of them",
);
/// One source of credentials.
pub const CREDENTIALS_ONE_OF: Check = Check::new(
    "[has(self.secretRef), has(self.rrsa), has(self.assumeRole)].filter(x, x).size() == 1",
    "credentials need exactly one of secretRef, rrsa and assumeRole",
    "write one of them, or leave credentials out to use the operator's identity where that is allowed",
);
/// The operator's identity has the operator's budget.
pub const BUDGET_NEEDS_CREDENTIALS: Check = Check::new(
    "has(self.credentials) || !(has(self.edition) || has(self.requestsPerSecond) || has(self.requestsPerDay))",
    "edition, requestsPerSecond and requestsPerDay belong to credentials, and there are none",
    "remove them: without credentials the calls are the operator's, whose administrator sets how many there are",
);
/// Calls a second.
pub const REQUESTS_PER_SECOND: Check = Check::new(
    "self >= 1 && self <= 50",
    "requestsPerSecond is not from 1 to 50",
    "write how many calls a second the account bears in this region beside its other callers, or leave it out",
);
/// Calls a day.
pub const REQUESTS_PER_DAY: Check = Check::new(
    "self >= 1",
    "requestsPerDay is not positive",
    "write how many calls a day the account bears in this region beside its other callers, or leave it out",
);
/// A duration of one unit.
pub const DRIFT_INTERVAL: Check = Check::new(
    "self.matches('^[1-9][0-9]{0,5}[smh]$')",
    "driftInterval is no duration",
    "write a whole number with s, m or h, such as 30m or 6h",
);
/// A RAM role.
pub const ROLE_ARN: Check = Check::new(
    "self.matches('^acs:ram::[0-9]{1,20}:role/[A-Za-z0-9._-]{1,64}$')",
    "roleArn is no ARN of a RAM role",
    "write it as RAM shows it, such as acs:ram::1234567890123456:role/dataworks",
);
/// An OIDC provider of RAM.
pub const OIDC_PROVIDER_ARN: Check = Check::new(
    "self.matches('^acs:ram::[0-9]{1,20}:oidc-provider/[A-Za-z0-9._-]{1,128}$')",
    "oidcProviderArn is no ARN of an OIDC provider",
    "write it as RAM shows it, such as acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123",
);
/// An external id.
pub const EXTERNAL_ID: Check = Check::new(
    "self.matches('^[A-Za-z0-9=,.@:/_-]{2,}$')",
    "externalId is no external id",
    "write 2 to 1224 letters, digits and = , . @ : / - _ as the role's trust policy has it, or leave it out",
);

// Path.

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

// Type, command, data source.

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
const COMMAND_TYPE_CURE: &str =
    "take the command that ends in the type; EMR_FILE and CDH_FILE run all but jars";
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

// Content.

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

// Optional fields.

/// An owner has an id.
pub const OWNER: Check = Check::new(
    r"self.matches(r'^[^ \x00-\x1f\x7f-\x{9f}]+$')",
    "owner is empty or has spaces or control characters",
    "write the id of the account, such as \"1234567890123456\", or leave it out",
);
/// A resource's id.
pub const RESOURCE_ID: Check = Check::new(
    "self.matches('^[0-9]{1,20}$')",
    "resourceId is not the id of a resource",
    "write the digits as ListResources or the console shows them, in quotes, such as \"6314788648976303104\"",
);
/// The resource stays once it is named.
pub const RESOURCE_ID_SET_ONCE: Check = Check::at(
    ".resourceId",
    "!has(oldSelf.resourceId) || (has(self.resourceId) && self.resourceId == oldSelf.resourceId)",
    "resourceId is immutable once set",
    KEEP,
);
/// A resource group's identifier.
pub const RESOURCE_GROUP: Check = Check::new(
    "self.matches('^[A-Za-z0-9_-]+$')",
    "resourceGroup is no identifier of a resource group",
    "write letters, digits, '_' and '-' only, such as S_res_group_1_2, or leave it out",
);
/// A stage of a deployment.
pub const UNTIL_STAGE: Check = Check::new(
    "self.matches('^[A-Za-z0-9_.-]+$')",
    "untilStage is no code of a stage",
    "write the code as the deployment run shows it, such as DEV or PROD, or leave it out to run all stages",
);
/// The resource group stays.
pub const RESOURCE_GROUP_IMMUTABLE: Check =
    Check::at(".resourceGroup", fixed!("resourceGroup"), "resourceGroup is immutable", KEEP);
/// The storage stays.
pub const STORAGE_IMMUTABLE: Check = Check::at(".storage", fixed!("storage"), "storage is immutable", KEEP);
/// Fields of local storage.
pub const STORAGE_LOCAL: Check = Check::new(
    "self.type == 'local' || !has(self.root)",
    "root is a field of local storage only",
    "write type: local, or remove root",
);
/// Fields of OSS.
pub const STORAGE_OSS: Check = Check::new(
    "self.type == 'oss' || !(has(self.endpoint) || has(self.bucket))",
    "endpoint and bucket are fields of oss storage only",
    "write type: oss, or remove them",
);
/// Fields of HDFS.
pub const STORAGE_HDFS: Check = Check::new(
    "self.type == 'hdfs' || !(has(self.addresses) || has(self.hdfsUser))",
    "addresses and hdfsUser are fields of hdfs storage only",
    "write type: hdfs, or remove them",
);

// The raw document.

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
