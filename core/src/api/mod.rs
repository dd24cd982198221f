//! What users write and read: the kinds, their rules and the words of their conditions.
//!
//! It must not know how a spec becomes a document nor what is done about it.

pub mod condition;
pub mod crd;
pub mod rules;
pub mod schema;
pub mod v1alpha1;

pub use crd::{crds, schema_of};

/// The API group of every kind.
pub const GROUP: &str = "dataworks.alibabacloud.com";

/// Keeps an object until its file is gone or let go, and a workspace while objects use it.
pub const FINALIZER: &str = "dataworks.alibabacloud.com/finalizer";

/// The annotation that is written before a create is sent.
pub const CREATE_INTENT: &str = "dataworks.alibabacloud.com/create-intent";

/// The annotation that asks for a look now: any value, new for each wish. The value is echoed in
/// `status.lastHandledReconcileAt` when it was done.
pub const RECONCILE_REQUESTED: &str = "dataworks.alibabacloud.com/reconcile-requested-at";

/// The annotation that asks to publish now: any value, new for each wish. The value is echoed in
/// `status.lastHandledPublishAt` when that has ended.
pub const PUBLISH_REQUESTED: &str = "dataworks.alibabacloud.com/publish-requested-at";

/// Of the value of an annotation that asks for something so many characters count, and are echoed.
pub const REQUEST_CHARACTERS: usize = 256;

/// Who owns the finalizer and the annotation in server-side apply.
pub const FIELD_MANAGER: &str = "dataworks-operator";
