//! What nobody sends: that a camera has gone silent, that a clock is wrong.

use crate::server::answer;
use crate::server::app::App;
use crate::server::socket::Hub;
use crate::server::store::{self, Observed, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Cameras are looked at so often.
const EVERY: Duration = Duration::from_secs(1);

/// Takes over what the store knows, before anyone can ask.
pub async fn load(app: &App) -> Result<(), StoreError> {
    app.presence.load(app.store.read(store::known_cameras).await?);
    Ok(())
}

/// Watches until the server ends.
pub async fn run(app: Arc<App>, hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(EVERY).await;
        for (camera, online) in app.presence.turn() {
            tracing::info!(%camera, online, "a camera's silence decides");
            hub.publish(&answer::camera_status(&camera, online, app.now_us()));
        }
        for (camera, observation) in app.presence.observe() {
            let (now_us, webhook) = (app.now_us(), app.watch.webhook);
            let (about, seen) = (camera.clone(), observation.clone());
            let written = app.store.write(move |conn| {
                let observed = Observed { camera: &about, at_us: now_us, now_us, webhook };
                store::observe(conn, &observed, std::slice::from_ref(&seen))
            });
            // Where it fails the writer says so, and the next look tries again.
            if let Ok(committed) = written.await {
                app.presence.noted(&camera, &observation);
                app.watch.broadcasts(&committed.value).iter().for_each(|broadcast| hub.publish(broadcast));
            }
        }
    }
}
