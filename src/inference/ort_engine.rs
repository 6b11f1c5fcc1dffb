//! ONNX Runtime, loaded at run time. The only file that names `ort`.

use super::locate::{Candidates, candidates, full_version};
use super::{Engine, InferenceError, Port, Provider, Signature};
use crate::config::ModelsConfig;
use crate::vision::{DecodeError, Element, TensorBuffer, TensorData, TensorView};
use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The loaded library. A process has one, for good: its code cannot be unloaded while sessions use it.
#[derive(Clone)]
pub(super) struct Runtime {
    environment: Environment,
    pub(super) version: String,
    /// As it was loaded: a file, or a name the linker found.
    pub(super) path: PathBuf,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library the configuration means, or gives the one already loaded if it is the same.
    pub(super) fn load(config: &ModelsConfig) -> Result<Self, InferenceError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match candidates(config)? {
            Candidates::File(path) => Self::load_from(&path, &mut loaded),
            Candidates::System { names, searched } => {
                let found = names.iter().map(Path::new).find(|name| ort::util::probe(name).is_some());
                let name = found.ok_or(InferenceError::RuntimeMissing { searched })?;
                Self::load_from(name, &mut loaded)
            }
        }
    }

    fn load_from(path: &Path, loaded: &mut Option<Self>) -> Result<Self, InferenceError> {
        let version = checked_version(path)?;
        if let Some(runtime) = loaded {
            return if runtime.path == path {
                Ok(runtime.clone())
            } else {
                Err(InferenceError::RuntimeTwice { loaded: runtime.path.clone(), wanted: path.to_owned() })
            };
        }
        let builder = ort::init_from(path).map_err(|error| refused(path, error))?;
        let environment =
            builder.with_name("lpr").with_telemetry(false).build().map_err(|error| {
                InferenceError::RuntimeUnusable { path: path.to_owned(), message: error.to_string() }
            })?;
        let runtime = Self { environment, version, path: path.to_owned() };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }
}

/// The library's version, if it can be used. Asking does not load it for good.
fn checked_version(path: &Path) -> Result<String, InferenceError> {
    let Some(minor) = ort::util::probe(path) else {
        return Err(match ort::init_from(path) {
            Err(error) => refused(path, error),
            // Of another major version; or, with a library loaded already, not even tried.
            Ok(_) => InferenceError::RuntimeUnusable {
                path: path.to_owned(),
                message: "it is not ONNX Runtime 1.x".to_owned(),
            },
        });
    };
    let version = full_version(path, &format!("1.{minor}"));
    if minor < ort::MINOR_VERSION {
        let needed = format!("1.{}", ort::MINOR_VERSION);
        return Err(InferenceError::RuntimeVersion { path: path.to_owned(), found: version, needed });
    }
    Ok(version)
}

fn refused(path: &Path, error: LoadDynamicError) -> InferenceError {
    let path = path.to_owned();
    match error {
        LoadDynamicError::BadVersion { version_str, .. } => {
            InferenceError::RuntimeVersion { path, found: version_str, needed: format!("1.{}", ort::MINOR_VERSION) }
        }
        LoadDynamicError::MissingApi { .. } => InferenceError::RuntimeUnusable {
            path,
            message: "it does not have ONNX Runtime's entry point OrtGetApiBase".to_owned(),
        },
        LoadDynamicError::Dlopen { error, .. } => InferenceError::RuntimeUnusable { path, message: error.to_string() },
        LoadDynamicError::InvalidVersionString => {
            InferenceError::RuntimeUnusable { path, message: "it tells no version".to_owned() }
        }
    }
}

/// One model in ONNX Runtime.
pub(super) struct OrtEngine {
    model: String,
    session: Session,
    signature: Signature,
    provider: Provider,
}

impl OrtEngine {
    /// Makes a session of a model's bytes with the first provider that takes it. `path` is for messages.
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        model: &str,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Self, InferenceError> {
        let wanted: Vec<Provider> = config.providers.iter().filter_map(|name| Provider::parse(name)).collect();
        // What stands behind the processor in the list is never tried: the processor takes every model.
        let accelerators = wanted.split(|provider| *provider == Provider::Cpu).next().unwrap_or_default();
        for (rank, provider) in accelerators.iter().enumerate() {
            let reason = match session(runtime, config, &accelerators[rank..], bytes) {
                Ok(session) => return Ok(Self::new(model, session, *provider)),
                Err(error) => first_line(&error),
            };
            let provider = provider.as_str();
            if config.provider_required {
                return Err(InferenceError::ProviderRequired {
                    provider: provider.to_owned(),
                    model: model.to_owned(),
                    message: reason,
                });
            }
            tracing::warn!(model, provider, reason, "execution provider not usable; taking the next");
        }
        let session = session(runtime, config, &[], bytes).map_err(|error| InferenceError::ModelForeign {
            path: path.to_owned(),
            version: runtime.version.clone(),
            message: first_line(&error),
        })?;
        Ok(Self::new(model, session, Provider::Cpu))
    }

    fn new(model: &str, session: Session, provider: Provider) -> Self {
        let signature = Signature {
            inputs: session.inputs().iter().map(port).collect(),
            outputs: session.outputs().iter().map(port).collect(),
        };
        Self { model: model.to_owned(), session, signature, provider }
    }
}

/// A session on the first of `providers`, which must work; the others may take what it leaves (TensorRT leaves much to
/// CUDA), and the processor takes the rest.
fn session(runtime: &Runtime, config: &ModelsConfig, providers: &[Provider], bytes: &[u8]) -> ort::Result<Session> {
    let dispatches: Vec<_> = providers
        .iter()
        .filter_map(|provider| dispatch(*provider))
        .enumerate()
        .map(|(rank, dispatch)| if rank == 0 { dispatch.error_on_failure() } else { dispatch.fail_silently() })
        .collect();
    Session::builder(&runtime.environment)?
        .with_intra_threads(config.threads)?
        .with_intra_op_spinning(config.spinning)?
        .with_inter_op_spinning(config.spinning)?
        // A plan of all buffers in one block costs some 20 MB for the default models and saves no measurable time.
        .with_memory_pattern(false)?
        .with_execution_providers(dispatches)?
        .commit_from_memory(bytes)
}

fn dispatch(provider: Provider) -> Option<ExecutionProviderDispatch> {
    match provider {
        Provider::Cpu => None,
        Provider::Cuda => Some(CUDA::default().build()),
        Provider::Tensorrt => Some(TensorRT::default().build()),
    }
}

fn port(outlet: &Outlet) -> Port {
    let (element, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let element = match ty {
                TensorElementType::Float32 => Some(Element::F32),
                TensorElementType::Uint8 => Some(Element::U8),
                _ => None,
            };
            (element, shape.iter().map(|&side| usize::try_from(side).ok()).collect())
        }
        _ => (None, Vec::new()),
    };
    Port { name: outlet.name().to_owned(), element, shape }
}

fn first_line(error: &ort::Error) -> String {
    error.message().lines().next().unwrap_or("no reason given").to_owned()
}

impl Engine for OrtEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn metadata(&self, key: &str) -> Option<String> {
        self.session.metadata().ok()?.custom(key)
    }

    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(
        &mut self,
        input: &TensorBuffer,
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<(), DecodeError>,
    ) -> Result<Duration, InferenceError> {
        let shape = input.shape();
        let value: Result<SessionInputValue<'_>, _> = match input.data() {
            TensorData::F32(data) => TensorRef::from_array_view((shape, data)).map(Into::into),
            TensorData::U8(data) => TensorRef::from_array_view((shape, data)).map(Into::into),
        };
        let model = &self.model;
        let fail = |error: ort::Error| InferenceError::Run { model: model.clone(), message: first_line(&error) };
        let value = value.map_err(fail)?;
        let started = Instant::now();
        let outputs = self.session.run([value]).map_err(fail)?;
        let spent = started.elapsed();
        let values: Vec<_> = outputs.iter().collect();
        let mut tensors = Vec::with_capacity(values.len());
        for (name, value) in &values {
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(fail)?;
            let shape: Vec<usize> = shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
            tensors.push((*name, shape, data));
        }
        let views: Vec<TensorView<'_>> =
            tensors.iter().map(|(name, shape, data)| TensorView { name, shape, data }).collect();
        read(&views).map_err(|source| InferenceError::Output { model: model.clone(), source })?;
        Ok(spent)
    }
}
