//! An authority of our own for certificates: Debian's `pebble` with a name server by which every name leads here, and
//! a TLS client that believes that authority and nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::wait;

/// A running authority.
pub struct Authority {
    children: Vec<Child>,
    root: PathBuf,
    directory: u16,
    management: u16,
}

impl Authority {
    /// Starts it in `folder`. Names are looked for on this machine at `tls_port` and `http_port`.
    ///
    /// # Errors
    /// When it does not come up, for example because the package `pebble` is not installed.
    pub fn start(folder: &Path, tls_port: u16, http_port: u16) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let root = make_certificates(folder)?;
        let (dns, dns_management) = (free_port()?, free_port()?);
        let (directory, management) = (free_port()?, free_port()?);
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{directory}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.join("server.pem"),
            "privateKey": folder.join("server.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(folder.join("pebble.json"), config.to_string())?;
        let names = Command::new("pebble-challtestsrv")
            .args(["-dns01", &format!("127.0.0.1:{dns}")])
            .args(["-management", &format!("127.0.0.1:{dns_management}")])
            .args([
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-defaultIPv4",
                "127.0.0.1",
                "-defaultIPv6",
                "",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("pebble-challtestsrv does not start; is the package `pebble` installed?")?;
        let mut children = vec![names];
        let pebble = Command::new("pebble")
            .arg("-config")
            .arg(folder.join("pebble.json"))
            .args(["-strict", "-dnsserver", &format!("127.0.0.1:{dns}")])
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "0")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match pebble {
            Ok(pebble) => children.push(pebble),
            Err(error) => {
                let _ = children[0].kill();
                return Err(error).context("pebble does not start");
            }
        }
        let authority = Self { children, root, directory, management };
        wait::until("the authority", || authority.get("/dir", directory).ok())?;
        Ok(authority)
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.directory)
    }

    /// The PEM file by which its own web server is believed.
    pub fn web_root(&self) -> &Path {
        &self.root
    }

    /// A client that believes certificates of this authority alone.
    ///
    /// # Errors
    /// When it does not tell its root.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        let answer = self.get("/roots/0", self.management)?;
        let pem = answer.find("-----BEGIN").map(|start| &answer[start..]).context("there is no root")?;
        believing(&[CertificateDer::from_pem_slice(pem.as_bytes())?])
    }

    fn get(&self, path: &str, port: u16) -> Result<String> {
        let root = CertificateDer::from_pem_file(&self.root)?;
        let mut stream = connect(([127, 0, 0, 1], port).into(), "localhost", believing(&[root])?)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        // It closes without a word of TLS.
        let _ = stream.read_to_string(&mut answer);
        ensure!(answer.starts_with("HTTP/1.0 200"), "the authority answered {answer}");
        Ok(answer)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens on.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A client that believes `roots` alone.
///
/// # Errors
/// When one of them is no root.
pub fn believing(roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(store).with_no_client_auth()))
}

/// TLS to `address`, asking for `name`.
///
/// # Errors
/// When nothing is there, or what is shown is not believed.
pub fn connect(
    address: SocketAddr,
    name: &str,
    config: Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(wait::PATIENCE))?;
    let mut connection = ClientConnection::new(config, ServerName::try_from(name.to_owned())?)?;
    let mut socket = socket;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// A root of our own and a certificate of it for `localhost`, in `folder`; the root's path.
///
/// # Errors
/// When they can't be written.
pub fn make_certificates(folder: &Path) -> Result<PathBuf> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let server = server.signed_by(&key, &root)?;
    fs::write(folder.join("root.pem"), root.pem())?;
    fs::write(folder.join("server.pem"), server.pem())?;
    fs::write(folder.join("server.key"), key.serialize_pem())?;
    Ok(folder.join("root.pem"))
}
