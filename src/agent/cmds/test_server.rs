//! `lpr-agent test-server`: a person's test client. Tries every REST call and every Socket.IO event of the protocol at a
//! server and says what works.

mod payloads;
mod report;
mod rest_checks;
mod socket_checks;

use crate::agent::{Exit, Failure};
use crate::config::{SocketClientKind, is_plain_to_another_machine};
use crate::uplink::rest::RestClient;
use crate::uplink::socket::Dial;
use crate::uplink::{Endpoint, TlsFiles, read_token};
use report::Report;
use socket_checks::Sockets;
use std::process::ExitCode;
use std::time::Duration;

/// For a connection, and for each answer.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server, e.g. http://127.0.0.1:8765
    #[arg(value_name = "URL")]
    url: String,
    /// File with the token, where the server wants one
    #[arg(long, value_name = "FILE", default_value = "")]
    token_file: String,
    /// PEM file with the only authorities that may vouch for the server
    #[arg(long, value_name = "FILE", default_value = "")]
    ca_file: String,
    /// PEM file with our certificate, where the server wants one
    #[arg(long, value_name = "FILE", default_value = "", requires = "client_key_file")]
    client_cert_file: String,
    /// PEM file with its key (PKCS#8, no password)
    #[arg(long, value_name = "FILE", default_value = "", requires = "client_cert_file")]
    client_key_file: String,
    /// Send in the clear to another machine
    #[arg(long)]
    allow_insecure: bool,
    /// One JSON object a line instead of a table for people
    #[arg(long)]
    json: bool,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = |error: crate::uplink::UplinkError| Failure::new(Exit::Config, error);
    let endpoint = Endpoint::parse(&args.url).map_err(config)?;
    if !args.allow_insecure && is_plain_to_another_machine(&args.url) {
        let message = format!(
            "{endpoint} is not encrypted and leaves this machine; use https://, or say --allow-insecure where the network \
             itself is encrypted (Tailscale, a VPN)"
        );
        return Err(Failure::new(Exit::Config, message));
    }
    let files = TlsFiles {
        ca: args.ca_file.clone(),
        client_cert: args.client_cert_file.clone(),
        client_key: args.client_key_file.clone(),
    };
    let tls = files.connector().map_err(config)?;
    let token = read_token(&args.token_file).map_err(config)?;
    let rest = RestClient::new(endpoint.clone(), token.clone(), LIMIT, LIMIT, tls.clone()).map_err(config)?;
    let dial = Dial { client: SocketClientKind::Own, token, tls, limit: LIMIT };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(async {
        let mut report = Report::new(args.json);
        reachable(&rest, &endpoint).await?;
        report.begin(&endpoint);
        rest_checks::run(&rest, &mut report).await;
        if let Some(sockets) = Sockets::connect(&endpoint, &dial, &mut report).await {
            sockets.run(&rest, &mut report).await;
        }
        socket_checks::failover(&endpoint, &dial, &rest, &mut report).await;
        Ok(report.end())
    })
}

/// Nothing can be said of a server that is not there, or that does not let us in.
async fn reachable(rest: &RestClient, endpoint: &Endpoint) -> Result<(), Failure> {
    let response = rest.get("/api/test").await.map_err(|reason| {
        let hint = "is it running, is the address right, does a firewall stand between?";
        Failure::new(Exit::Server, format!("{endpoint} cannot be reached: {reason}; {hint}"))
    })?;
    match response.status {
        status @ (401 | 403) => Err(Failure::new(
            Exit::Server,
            format!("{endpoint} does not let us in (HTTP {status}); name a valid token with --token-file"),
        )),
        _ => Ok(()),
    }
}
