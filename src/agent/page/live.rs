//! The live picture: the newest frame of a camera with what was seen in it, as JPEGs, while someone watches. The inference
//! thread puts a frame into a slot and goes on; nobody watching costs it one look at a number.

use crate::domain::{BBox, Detection, Frame, FrameReading, PlateRead};
use crate::imaging::{self, ImagingError};
use axum::body::Bytes;
use futures_util::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// Between two pictures of a camera at the least.
const PAUSE: Duration = Duration::from_millis(200);
/// Pixels: a picture is not wider.
const WIDTH: u32 = 960;
const QUALITY: u8 = 70;
const MOST_BYTES: usize = 200_000;
/// Pictures that are watched at once, of all cameras.
const MOST_WATCHERS: usize = 8;

/// The name of the line between two pictures.
pub const BOUNDARY: &str = "lpr-picture";

/// A frame and what was seen in it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub frame: Frame,
    pub reading: FrameReading,
}

/// The slots of all cameras, in the order of the configuration.
pub struct LiveView {
    lanes: Vec<Lane>,
    watchers: AtomicUsize,
    encoded: AtomicU64,
}

struct Lane {
    watchers: AtomicUsize,
    seen: watch::Sender<Option<Arc<Seen>>>,
    picture: watch::Sender<Option<Bytes>>,
}

impl LiveView {
    pub fn new(cameras: usize) -> Arc<Self> {
        let lane = |_| Lane {
            watchers: AtomicUsize::new(0),
            seen: watch::Sender::new(None),
            picture: watch::Sender::new(None),
        };
        Arc::new(Self {
            lanes: (0..cameras).map(lane).collect(),
            watchers: AtomicUsize::new(0),
            encoded: AtomicU64::new(0),
        })
    }

    /// A frame that was looked at. Never waits.
    pub fn offer(&self, camera: usize, frame: &Frame, vehicles: &[Detection], plates: &[PlateRead]) {
        if let Some(lane) = self.watched(camera) {
            let reading =
                FrameReading { vehicles: vehicles.to_vec(), plates: plates.to_vec(), ..FrameReading::default() };
            lane.seen.send_replace(Some(Arc::new(Seen { frame: frame.clone(), reading })));
        }
    }

    /// A frame in which nothing has moved: what was seen last still stands there. Never waits.
    pub fn offer_still(&self, camera: usize, frame: &Frame) {
        if let Some(lane) = self.watched(camera) {
            let reading = lane.seen.borrow().as_ref().map(|seen| seen.reading.clone()).unwrap_or_default();
            lane.seen.send_replace(Some(Arc::new(Seen { frame: frame.clone(), reading })));
        }
    }

    fn watched(&self, camera: usize) -> Option<&Lane> {
        self.lanes.get(camera).filter(|lane| lane.watchers.load(Ordering::Relaxed) > 0)
    }

    /// What was offered last; `None` while nobody watches.
    pub fn seen(&self, camera: usize) -> Option<Arc<Seen>> {
        self.watched(camera)?.seen.borrow().clone()
    }

    pub fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }

    /// Pictures made since the start.
    pub fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Starts the tasks that make the pictures, in the current runtime; they rest while nobody watches.
    pub fn start(self: &Arc<Self>) {
        for camera in 0..self.lanes.len() {
            tokio::spawn(self.clone().encode(camera));
        }
    }

    async fn encode(self: Arc<Self>, camera: usize) {
        let Some(lane) = self.lanes.get(camera) else { return };
        let mut offered = lane.seen.subscribe();
        // Ends with the runtime: the sender is ours.
        while offered.changed().await.is_ok() {
            let began = Instant::now();
            let seen = offered.borrow_and_update().clone();
            let Some(seen) = seen.filter(|_| lane.watchers.load(Ordering::Relaxed) > 0) else { continue };
            match tokio::task::spawn_blocking(move || picture(&seen)).await {
                Ok(Ok(jpeg)) => {
                    self.encoded.fetch_add(1, Ordering::Relaxed);
                    lane.picture.send_replace(Some(part(&jpeg)));
                }
                Ok(Err(error)) => debug!(camera, %error, "a live picture cannot be made"),
                Err(error) => debug!(camera, %error, "a live picture was not made"),
            }
            sleep_until(began + PAUSE).await;
        }
    }

    /// The pictures of a camera from now on, as the parts of a `multipart/x-mixed-replace`; `None` where there is no such
    /// camera, or too many watch already. Who takes them slowly gets fewer.
    pub fn watch(self: &Arc<Self>, camera: usize) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
        let watching = Watching::begin(self, camera)?;
        let pictures = self.lanes.get(camera)?.picture.subscribe();
        let opening = Bytes::from(format!("--{BOUNDARY}\r\n"));
        Some(futures_util::stream::unfold(
            (watching, pictures, Some(opening)),
            async |(watching, mut pictures, opening)| {
                if let Some(opening) = opening {
                    return Some((Ok(opening), (watching, pictures, None)));
                }
                pictures.changed().await.ok()?;
                let part = pictures.borrow_and_update().clone().unwrap_or_default();
                Some((Ok(part), (watching, pictures, None)))
            },
        ))
    }
}

/// One who watches; counted until dropped.
struct Watching {
    live: Arc<LiveView>,
    camera: usize,
}

impl Watching {
    fn begin(live: &Arc<LiveView>, camera: usize) -> Option<Self> {
        let lane = live.lanes.get(camera)?;
        let more = |count: usize| (count < MOST_WATCHERS).then_some(count + 1);
        live.watchers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        lane.watchers.fetch_add(1, Ordering::Relaxed);
        Some(Self { live: live.clone(), camera })
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.live.watchers.fetch_sub(1, Ordering::Relaxed);
        if let Some(lane) = self.live.lanes.get(self.camera)
            && lane.watchers.fetch_sub(1, Ordering::Relaxed) == 1
        {
            // A frame is many megabytes, and the next who watches wants no old one.
            lane.seen.send_replace(None);
            lane.picture.send_replace(None);
        }
    }
}

/// A picture with its head, and the line that ends it: a browser shows it when it has seen that.
fn part(jpeg: &[u8]) -> Bytes {
    let head = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
    let end = format!("\r\n--{BOUNDARY}\r\n");
    Bytes::from([head.as_bytes(), jpeg, end.as_bytes()].concat())
}

/// Made small first: drawing and encoding then cost the same for every camera.
fn picture(seen: &Seen) -> Result<Vec<u8>, ImagingError> {
    let small = imaging::shrink_to_width(&seen.frame, WIDTH)?;
    let scale = small.width() as f32 / seen.frame.width() as f32;
    let shrink = |bbox: BBox| BBox::new(bbox.x1 * scale, bbox.y1 * scale, bbox.x2 * scale, bbox.y2 * scale);
    let mut reading = seen.reading.clone();
    reading.vehicles.iter_mut().for_each(|vehicle| vehicle.bbox = shrink(vehicle.bbox));
    reading.plates.iter_mut().for_each(|plate| plate.bbox = shrink(plate.bbox));
    let drawn = imaging::annotate(&small, &reading.vehicles, &reading.plates)?;
    imaging::encode_jpeg(&drawn, QUALITY, MOST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CaptureTime;
    use futures_util::StreamExt;

    fn frame(number: u64) -> Frame {
        Frame::new(1920, 1080, vec![90; 1920 * 1080 * 3], number, CaptureTime::default()).unwrap()
    }

    #[tokio::test]
    async fn pictures_are_made_only_while_someone_watches() {
        let live = LiveView::new(2);
        live.start();
        live.offer(0, &frame(1), &[], &[]);
        assert!(live.seen(0).is_none(), "nobody watches: nothing is kept");

        let mut pictures = Box::pin(live.watch(0).unwrap());
        assert_eq!(pictures.next().await.unwrap().unwrap(), format!("--{BOUNDARY}\r\n"));
        let plate = PlateRead { text: "AB12".into(), bbox: BBox::new(10.0, 10.0, 90.0, 40.0), ..PlateRead::default() };
        // As the inference thread does: again and again, without waiting.
        let offering = live.clone();
        let infer = std::thread::spawn(move || {
            (2..40).for_each(|number| {
                match number % 2 {
                    0 => offering.offer(0, &frame(number), &[], std::slice::from_ref(&plate)),
                    _ => offering.offer_still(0, &frame(number)),
                }
                offering.offer(1, &frame(number), &[], &[]);
            });
        });
        let part = pictures.next().await.unwrap().unwrap();
        infer.join().unwrap();
        let start = part.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let jpeg = imaging::decode_bytes(&part[start..], "part.jpg".as_ref()).unwrap();
        assert_eq!((jpeg.width, jpeg.height), (960, 540));
        assert!(live.encoded() <= 3, "the newest is made, not each: {}", live.encoded());
        assert_eq!(live.seen(0).unwrap().reading.plates[0].text, "AB12", "nothing moved: it still stands there");
        assert!(live.seen(1).is_none());

        drop(pictures);
        let made = live.encoded();
        live.offer(0, &frame(90), &[], &[]);
        assert!(live.seen(0).is_none() && live.watchers() == 0);
        tokio::time::sleep(2 * PAUSE).await;
        // One may have been under way.
        assert!(live.encoded() <= made + 1);
    }

    #[tokio::test]
    async fn only_so_many_watch_at_once() {
        let live = LiveView::new(1);
        let mut watching: Vec<_> = (0..MOST_WATCHERS).map(|_| live.watch(0).unwrap()).collect();
        assert!(live.watch(0).is_none() && live.watch(1).is_none());
        watching.pop();
        assert!(live.watch(0).is_some());
        assert_eq!(live.watchers(), MOST_WATCHERS - 1);
    }
}
