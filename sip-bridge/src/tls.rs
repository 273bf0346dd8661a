//! Certificate and key for SIP over TLS (RFC 3261 26.2.1), read from files, with errors that name the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the door shows to those who connect over TLS. It prints without it.
#[derive(Clone)]
pub struct TlsIdentity(pub(crate) Arc<ServerConfig>);

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity")
    }
}

/// Why there is no TLS: the operator's turn.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is no PEM.
    #[error("cannot read a {what} from {}: {reason}; it must be a PEM file", path.display())]
    Unreadable {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// They do not belong together, or cannot be used.
    #[error("the certificate {} and the key {} cannot be used together: {reason}", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl TlsIdentity {
    /// Reads a chain of certificates, the own one first, and its key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`], with the file and what is wrong with it.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable =
            |what, path: &Path, reason: String| TlsError::Unreadable { what, path: path.to_owned(), reason };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unreadable("certificate", certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(unreadable("certificate", certificate, "there is none in it".to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, error.to_string()))?;
        // One provider in the whole tree: two would panic.
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions();
        let config = config.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let unusable = |error: rustls::Error| TlsError::Unusable {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            reason: error.to_string(),
        };
        Ok(Self(Arc::new(config.map_err(unusable)?)))
    }
}
