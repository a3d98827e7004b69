//! A connection to a host by its name. A static program asks a resolver crate,
//! since the C library would load modules of the system's for that.

use tokio::net::TcpStream;

/// Connects to the first address of a host that accepts.
#[cfg(not(feature = "static-resolver"))]
pub(super) async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect((host, port)).await
}

/// Connects to the first address of a host that accepts.
#[cfg(feature = "static-resolver")]
pub(super) async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    use std::net::{IpAddr, SocketAddr};

    use hickory_resolver::TokioResolver;

    if let Ok(address) = host.parse::<IpAddr>() {
        return TcpStream::connect((address, port)).await;
    }
    let resolver = TokioResolver::builder_tokio()
        .and_then(hickory_resolver::ResolverBuilder::build)
        .map_err(std::io::Error::other)?;
    let found = resolver
        .lookup_ip(host)
        .await
        .map_err(std::io::Error::other)?;
    let addresses: Vec<SocketAddr> = found
        .iter()
        .map(|address| SocketAddr::new(address, port))
        .collect();
    TcpStream::connect(addresses.as_slice()).await
}
