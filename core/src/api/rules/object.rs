//! An object: its workspace and its form.

use super::{Check, KEEP};

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
