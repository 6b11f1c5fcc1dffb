//! Configuration: the models of both programs' files, loading (file < environment < credential files), validation
//! of everything at once, and secrets that cannot be printed. Pure but for reading the named files.

mod access;
mod agent;
mod changes;
mod fault;
mod hours;
mod load;
mod locate;
mod page;
mod road;
mod schema;
mod secret;
mod server;
mod source;
mod uplink;
mod watch;

pub use access::{AuthConfig, LegacyIngest, LimitsConfig, Network, TlsConfig, parse_camera};
pub use agent::{AgentConfig, CameraConfig, EvidenceConfig, HealthConfig, LogConfig, ModelsConfig, OutboxConfig};
pub use changes::Changes;
pub use fault::{ConfigError, Fault};
pub use hours::is_looked_at;
pub use load::{agent_from, load_agent, load_server, server_from};
pub use page::PageConfig;
pub use road::{LineConfig, PipelineConfig, ZoneConfig};
pub use secret::Secret;
pub use server::{RetentionConfig, ServerConfig};
pub use source::{SourceError, SourceSpec};
pub use uplink::{SocketClientKind, Transport, UplinkConfig, is_plain_to_another_machine, shown_url, url_fault};
pub use watch::{CamerasConfig, WebhookConfig};
