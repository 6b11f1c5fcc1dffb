//! Configuration: the models of both programs' files, loading (file < environment < credential files), validation
//! of everything at once, and secrets that cannot be printed. Pure but for reading the named files.

mod agent;
mod fault;
mod load;
mod road;
mod secret;
mod server;
mod source;

pub use agent::{
    AgentConfig, CameraConfig, EvidenceConfig, HealthConfig, LogConfig, ModelsConfig, OutboxConfig, Transport,
    UplinkConfig,
};
pub use fault::{ConfigError, Fault};
pub use load::{agent_from, load_agent, load_server, server_from};
pub use road::{LineConfig, PipelineConfig, ZoneConfig};
pub use secret::Secret;
pub use server::ServerConfig;
pub use source::{SourceError, SourceSpec};
