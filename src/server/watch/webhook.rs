//! Tells the webhook what the queue holds, one delivery after the other, until the other side has it. The only file of the
//! server that names `reqwest`.

use super::retry::{Outcome, is_hopeless, pause};
use super::signature::sign;
use crate::config::WebhookConfig;
use crate::server::alarm::Alarm;
use crate::server::app::App;
use crate::server::metrics;
use crate::server::store::{self, Delivery, StoreError};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Url, redirect, tls};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Sooner or later looks again, whatever the clock says.
const IDLE: Duration = Duration::from_secs(600);

/// A receiver that asks for more patience gets this much.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What was given up is shown for so long.
const REMEMBERED_US: i64 = 30 * 86_400 * 1_000_000;

/// Why there can be no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("webhook.url is no address: {0}")]
    Url(String),
    #[error("webhook.{key}: {path} cannot be used: {reason}")]
    File { key: &'static str, path: PathBuf, reason: String },
    #[error("webhook: TLS cannot be set up: {0}")]
    Tls(String),
}

/// The receiver, and how to reach it.
#[derive(Debug)]
pub struct Webhook {
    http: Client,
    url: Url,
    secret_file: PathBuf,
    give_up: Duration,
}

impl Webhook {
    /// Checks everything that the configuration names; `None` where no webhook is wanted.
    pub fn open(config: &WebhookConfig) -> Result<Option<Self>, WebhookError> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&config.url).map_err(|error| WebhookError::Url(error.to_string()))?;
        let mut http = Client::builder()
            // The signature is for this address and no other.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .min_tls_version(tls::Version::TLS_1_2)
            .timeout(Duration::from_secs_f64(config.timeout_s))
            .user_agent(concat!("lpr-server/", env!("CARGO_PKG_VERSION")));
        if !config.ca_file.is_empty() {
            let unusable =
                |reason: String| WebhookError::File { key: "ca_file", path: config.ca_file.clone().into(), reason };
            let pem = std::fs::read(&config.ca_file).map_err(|error| unusable(error.to_string()))?;
            http = http.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unusable(error.to_string()))?);
        }
        let http = http.build().map_err(|error| WebhookError::Tls(error.to_string()))?;
        let give_up = Duration::from_secs_f64(config.give_up_h * 3600.0);
        let webhook = Self { http, url, secret_file: config.secret_file.clone().into(), give_up };
        webhook.secret()?;
        Ok(Some(webhook))
    }

    /// Read anew for each delivery, so that a changed file needs no restart.
    fn secret(&self) -> Result<Vec<u8>, WebhookError> {
        let unusable =
            |reason: String| WebhookError::File { key: "secret_file", path: self.secret_file.clone(), reason };
        let text = std::fs::read(&self.secret_file).map_err(|error| unusable(error.to_string()))?;
        let secret = text.trim_ascii();
        if secret.is_empty() { Err(unusable("it is empty".into())) } else { Ok(secret.to_vec()) }
    }

    /// Delivers until the task is ended. What was not confirmed by then is delivered again at the next start.
    pub async fn run(self, app: Arc<App>) {
        let now_us = app.now_us();
        let begin = app.store.write(move |conn| {
            store::forget_given_up(conn, now_us.saturating_sub(REMEMBERED_US))?;
            store::wake_deliveries(conn, now_us)
        });
        if let Err(error) = begin.await {
            tracing::warn!(%error, "the webhook's queue could not be made ready; it goes on as it is");
        }
        let mut round = Round { webhook: self, app, failures: 0, alarm: Alarm::default() };
        loop {
            match round.turn().await {
                Ok(Next::Again) => {}
                // New alerts do not knock at a door that is closed.
                Ok(Next::Pause(wait)) => tokio::time::sleep(wait).await,
                Ok(Next::Idle(wait)) => {
                    let _ = tokio::time::timeout(wait, round.app.watch.bell.notified()).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "the webhook's queue cannot be read or written now");
                    tokio::time::sleep(pause(5, chance())).await;
                }
            }
        }
    }

    async fn attempt(&self, delivery: &Delivery, now_us: i64) -> Outcome {
        let down = |reason: String| Outcome::Down { reason, wait: None };
        let secret = match self.secret() {
            Ok(secret) => secret,
            Err(error) => return down(error.to_string()),
        };
        let signature = sign(&secret, now_us.div_euclid(1_000_000), delivery.body.as_bytes());
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-LPR-Signature", signature)
            .header("X-LPR-Delivery", &delivery.delivery_id)
            .body(delivery.body.clone());
        match request.send().await {
            Ok(response) => {
                let wait =
                    response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
                Outcome::of(response.status().as_u16(), wait.map(Duration::from_secs))
            }
            Err(error) => down(describe(error)),
        }
    }
}

/// The innermost cause says what happened; never the address, which may hold a token.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

enum Next {
    Again,
    Pause(Duration),
    Idle(Duration),
}

struct Round {
    webhook: Webhook,
    app: Arc<App>,
    /// In succession, of the receiver as a whole.
    failures: u32,
    alarm: Alarm,
}

impl Round {
    /// One delivery, if one is due.
    async fn turn(&mut self) -> Result<Next, StoreError> {
        let Some(delivery) = self.app.store.read(store::next_delivery).await? else { return Ok(Next::Idle(IDLE)) };
        let now_us = self.app.now_us();
        let wait = Duration::from_micros(u64::try_from(delivery.due_us.saturating_sub(now_us)).unwrap_or(0));
        // Further away than any pause of ours: the clock was set back.
        if !wait.is_zero() && wait <= 2 * LONGEST_WAIT {
            return Ok(Next::Idle(wait.min(IDLE)));
        }
        let outcome = self.webhook.attempt(&delivery, now_us).await;
        self.settle(&delivery, outcome).await
    }

    async fn settle(&mut self, delivery: &Delivery, outcome: Outcome) -> Result<Next, StoreError> {
        let (seq, now_us) = (delivery.seq, self.app.now_us());
        match outcome {
            Outcome::Delivered => {
                let recovered = std::mem::take(&mut self.failures) > 0;
                if let Some(failures) = self.alarm.clear() {
                    tracing::warn!(failures, "the webhook takes alerts again");
                }
                self.app.store.write(move |conn| store::delivered(conn, seq, recovered, now_us)).await?;
                metrics::told(metrics::Delivery::Delivered, 1);
                Ok(Next::Again)
            }
            Outcome::Down { reason, wait } => {
                self.failures = self.failures.saturating_add(1);
                let wait = wait.unwrap_or_default().min(LONGEST_WAIT).max(pause(self.failures, chance()));
                let hopeless_us =
                    now_us.saturating_sub(i64::try_from(self.webhook.give_up.as_micros()).unwrap_or(i64::MAX));
                let (why, first) = (reason.clone(), delivery.seq);
                self.failed(delivery, reason, now_us, wait).await?;
                // The others of that age had no chance of their own, and would have none for as long again.
                let write = move |conn: &store::Connection| store::give_up(conn, first, hopeless_us, &why, now_us);
                let given_up = self.app.store.write(write).await?.value;
                if given_up > 0 {
                    metrics::told(metrics::Delivery::GivenUp, given_up as u64);
                    tracing::error!(given_up, "alerts were not delivered in time and are given up");
                }
                Ok(Next::Pause(wait))
            }
            Outcome::Refused { reason } => {
                let wait = pause(delivery.attempts.saturating_add(1), chance());
                self.failed(delivery, reason, now_us, wait).await?;
                Ok(Next::Again)
            }
        }
    }

    async fn failed(
        &mut self,
        delivery: &Delivery,
        reason: String,
        now_us: i64,
        wait: Duration,
    ) -> Result<(), StoreError> {
        if let Some(failures) = self.alarm.raise() {
            tracing::warn!(reason, failures, "the webhook does not take an alert; it is tried again");
        }
        metrics::told(metrics::Delivery::Failed, 1);
        let hopeless = is_hopeless(delivery.created_us, now_us, self.webhook.give_up);
        if hopeless {
            metrics::told(metrics::Delivery::GivenUp, 1);
            let (delivery_id, alert_id) = (&delivery.delivery_id, &delivery.alert_id);
            tracing::error!(delivery_id, alert_id, reason, "an alert was not delivered in time and is given up");
        }
        let due_us = now_us.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        let seq = delivery.seq;
        let write =
            move |conn: &store::Connection| store::failed(conn, seq, &reason, now_us, (!hopeless).then_some(due_us));
        self.app.store.write(write).await?;
        Ok(())
    }
}

/// A random number between 0 and 1, so that many servers do not knock at once.
fn chance() -> f64 {
    f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0
}
