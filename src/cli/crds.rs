//! `crds`: the CRDs as YAML, to be piped into `kubectl apply --server-side -f -`.

use std::io::{self, Write};

use dataworks_core::api;

/// Writes every CRD, separated by `---`.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn crds(out: &mut dyn Write) -> io::Result<()> {
    for (index, crd) in api::crds().iter().enumerate() {
        if index > 0 {
            writeln!(out, "---")?;
        }
        write!(out, "{}", serde_saphyr::to_string(crd).map_err(io::Error::other)?)?;
    }
    Ok(())
}
