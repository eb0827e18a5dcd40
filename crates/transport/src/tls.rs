//! TLS 1.3 with raw public keys (RFC 7250) on both sides: the instance keys, and nothing else.

use std::sync::Arc;

use nexus_identity::{InstanceKey, InstanceSecret};
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName, Error,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};

/// The application protocol both sides must name (RFC 7301).
pub const ALPN: &[u8] = b"nexus/1";

/// The same for a blob connection beside a link.
pub const BLOB_ALPN: &[u8] = b"nexus-blob/1";

/// Label of the exporter (RFC 8446 §7.5) whose 32 bytes tie what is said on a link to that link.
pub const EXPORTER_LABEL: &[u8] = b"nexus exporter v1";

/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4) up to the 32 bytes of the key itself.
const SPKI_HEAD: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The TLS configurations of an instance.
#[derive(Debug, Clone)]
pub struct TlsConfigs {
    /// For dialling.
    pub client: Arc<ClientConfig>,
    /// For listening.
    pub server: Arc<ServerConfig>,
    /// For whoever came through the gate of a link's blob connections.
    pub blob_server: Arc<ServerConfig>,
}

/// What a finished handshake tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The peer proved to hold this key.
    pub peer: InstanceKey,
    /// Cipher suite, as rustls names it.
    pub cipher: String,
    /// Key exchange group, as rustls names it.
    pub group: String,
}

impl TlsConfigs {
    /// The configurations for this instance key.
    ///
    /// # Errors
    /// When the provider can't use the key; not seen with a real Ed25519 key.
    pub fn new(instance: &InstanceSecret) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let mut spki = SPKI_HEAD.to_vec();
        spki.extend_from_slice(instance.key().as_bytes());
        // Borrowed: what `load_private_key` takes over is not wiped.
        let der = instance.pkcs8_der();
        let key = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der.as_slice()))?;
        let certified = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], key));
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(RawKeyVerifier { algorithms, only: None });

        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                Arc::clone(&certified),
            )));
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.enable_sni = false;
        client.resumption = rustls::client::Resumption::disabled();

        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        server.alpn_protocols = vec![ALPN.to_vec()];
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});

        let mut blob_server = server.clone();
        blob_server.alpn_protocols = vec![BLOB_ALPN.to_vec()];
        let (server, blob_server) = (Arc::new(server), Arc::new(blob_server));
        Ok(Self { client: Arc::new(client), server, blob_server })
    }

    /// For dialling a blob connection: lets in the key of the link that it belongs to, and no other.
    pub(crate) fn blob_client(&self, instance: InstanceKey) -> Arc<ClientConfig> {
        let mut client = ClientConfig::clone(&self.client_only(vec![instance]));
        client.alpn_protocols = vec![BLOB_ALPN.to_vec()];
        Arc::new(client)
    }

    /// As [`TlsConfigs::client`], but lets in these keys only: with any other the handshake ends before this side has shown
    /// its own, which comes after that of the listener.
    pub(crate) fn client_only(&self, keys: Vec<InstanceKey>) -> Arc<ClientConfig> {
        let mut client = ClientConfig::clone(&self.client);
        let algorithms = client.crypto_provider().signature_verification_algorithms;
        let verifier = Arc::new(RawKeyVerifier { algorithms, only: Some(keys) });
        client.dangerous().set_certificate_verifier(verifier);
        Arc::new(client)
    }
}

/// X25519MLKEM768 first, then X25519; AES-128-GCM first, because it is the fastest with hardware.
fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519],
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
            aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// The name a dialler gives to rustls; it is not sent.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::IpAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED).into())
}

/// What was negotiated; `None` when the peer showed no Ed25519 key or did not name this protocol, [`ALPN`] or [`BLOB_ALPN`].
#[must_use]
pub fn negotiated(connection: &CommonState, alpn: &[u8]) -> Option<Negotiated> {
    if connection.alpn_protocol() != Some(alpn) {
        return None;
    }
    let certificate = connection.peer_certificates()?.first()?;
    Some(Negotiated {
        peer: instance_of(certificate)?,
        cipher: format!("{:?}", connection.negotiated_cipher_suite()?.suite()),
        group: format!("{:?}", connection.negotiated_key_exchange_group()?.name()),
    })
}

/// The instance key in a raw public key.
fn instance_of(certificate: &CertificateDer<'_>) -> Option<InstanceKey> {
    InstanceKey::from_slice(certificate.strip_prefix(&SPKI_HEAD)?)
}

/// Whether a handshake ended because the listener's key was none of those of [`TlsConfigs::client_only`].
pub(crate) fn is_other_key(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    cause.is_some_and(|cause| *cause == OTHER_KEY)
}

const OTHER_KEY: Error =
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

/// Lets Ed25519 keys in whose holder signs the handshake: any, while whether it is the right one is decided after `Hello`,
/// or these only.
#[derive(Debug)]
struct RawKeyVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    only: Option<Vec<InstanceKey>>,
}

impl RawKeyVerifier {
    fn check_key(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        match instance_of(certificate) {
            Some(key) if intermediates.is_empty() => match &self.only {
                Some(keys) if !keys.contains(&key) => Err(OTHER_KEY),
                _ => Ok(()),
            },
            _ => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(certificate.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn schemes() -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn no_tls12() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)
}

impl ServerCertVerifier for RawKeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_key(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for RawKeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check_key(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
