//! Which certificate authorities vouch for the service.
//!
//! Knows files and certificates; must not know connections. The rule it keeps: an image without
//! any file still trusts the public authorities, and what an administrator names is either taken
//! whole or refused by name, so that a typing error does not show itself as a failed handshake.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tracing::{info, warn};

/// Largest bundle read: those of distributions have some 200 KiB.
const BUNDLE_LIMIT: u64 = 16 * 1024 * 1024;

/// The authorities that are trusted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
}

impl Trust {
    /// The public authorities that this program was built with (Mozilla's list), and no file.
    #[must_use]
    pub fn embedded() -> Self {
        Self { roots: Arc::new(embedded()) }
    }

    /// The embedded authorities, those of the system where it has any (or those that
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name), and those of `bundle`.
    ///
    /// # Errors
    /// `bundle` cannot be read, or is anything else than certificates in PEM form.
    pub fn gather(bundle: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = embedded();
        let embedded = roots.len();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            warn!(%error, "certificate authorities of the system are left out");
        }
        let (system, _) = roots.add_parsable_certificates(system.certs);
        let bundled = match bundle {
            Some(path) => add(&mut roots, path)?,
            None => 0,
        };
        info!(embedded, system, bundled, "certificate authorities of the cloud's connections");
        Ok(Self { roots: Arc::new(roots) })
    }

    /// How TLS is spoken: these authorities, nothing of the client's own.
    ///
    /// # Errors
    /// The crypto library lacks what TLS needs.
    pub(super) fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn embedded() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// How many were added.
fn add(roots: &mut RootCertStore, path: &Path) -> Result<usize, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BUNDLE_LIMIT + 1).read_to_end(&mut text));
    if read.map_err(unreadable)? as u64 > BUNDLE_LIMIT {
        return Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| TrustError::NotPem { path: path.to_owned() })?;
        count += 1;
        roots.add(certificate).map_err(|source| TrustError::NotACertificate {
            path: path.to_owned(),
            count,
            source,
        })?;
    }
    if count == 0 { Err(TrustError::Empty { path: path.to_owned() }) } else { Ok(count) }
}

/// Why a CA bundle is not taken. Nothing of the file is repeated: it may be the wrong one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// It is not there, may not be read, or is too large to be one.
    #[error("the CA bundle {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has a section that is not PEM.
    #[error("the CA bundle {} is not in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// It is empty, or holds something else.
    #[error(
        "the CA bundle {} holds no certificate; it must be a text with `-----BEGIN CERTIFICATE-----`",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One of its certificates cannot be an authority.
    #[error("certificate {count} of the CA bundle {} is damaged", path.display())]
    NotACertificate {
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        count: usize,
        /// Why.
        source: rustls::Error,
    },
}
