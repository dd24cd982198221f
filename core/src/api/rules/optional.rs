//! Fields that may be left out.

use super::{Check, KEEP};

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
