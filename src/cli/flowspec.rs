//! `flowspec`: the document that a manifest becomes, exactly as it would be sent.

use std::io;

use super::documents::{self, Exit, Source, Streams};
use super::validate::{Admission, Judged, report};
use crate::telemetry::shown;

/// Writes for every DataWorksResource its document on `out`, one line of JSON each; a URL that
/// goes with it, and what is wrong with an object, on `err`.
///
/// # Errors
///
/// When a stream cannot be written.
pub fn flowspec(sources: &[Source], streams: &mut Streams<'_>) -> io::Result<Exit> {
    let admission = Admission::new();
    documents::for_each(sources, streams, |document, streams| {
        let desired = match report(document, &admission, streams)? {
            Some(Judged::Resource(desired)) => desired,
            Some(Judged::Workspace) => {
                writeln!(streams.err, "{}: skipped: a workspace has no document", document.place)?;
                return Ok(Exit::Good);
            }
            None => return Ok(Exit::Invalid),
        };
        writeln!(streams.out, "{}", desired.document_json())?;
        if let Some(reference) = desired.reference() {
            let (name, key) = (&reference.name, &reference.key);
            writeln!(
                streams.err,
                "{}: content: key {key} of ConfigMap {name}, not read here",
                document.place
            )?;
        }
        if let Some(location) = desired.resource_file() {
            writeln!(streams.err, "{}: ResourceFile: {}", document.place, shown(location))?;
        }
        Ok(Exit::Good)
    })
}
