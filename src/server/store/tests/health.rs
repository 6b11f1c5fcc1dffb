//! The history of health reports is right at any size.

use super::find::Dice;
use super::*;

#[derive(Debug, Clone)]
struct Report {
    id: String,
    camera: (&'static str, &'static str),
    component: &'static str,
    at_us: i64,
}

const CAMERAS: [(&str, &str); 3] = [("c0", "north"), ("c1", "north"), ("c0", "south")];
const COMPONENTS: [&str; 3] = ["camera", "system", "clock"];

async fn tell(store: &Arc<Store>, reports: Vec<Report>) {
    let write = move |conn: &Connection| {
        for Report { id, camera, component, at_us } in reports {
            let body = serde_json::json!({"component": component}).to_string();
            let report = NewHealth {
                camera: CameraKey {
                    camera: CameraId::new(camera.0).unwrap(),
                    checkpoint: CheckpointId::new(camera.1).unwrap(),
                },
                key: id.clone(),
                revision: 0,
                health_id: id,
                component: component.into(),
                status: "healthy".into(),
                message: String::new(),
                at: Timed { at_us, raw_boot: None, body },
                received_us: 0,
                gap: None,
                clock: None,
            };
            report.insert(conn)?;
        }
        Ok(())
    };
    store.write(write).await.unwrap();
}

async fn ids(store: &Arc<Store>, filter: &HealthFilter) -> Vec<String> {
    let filter = filter.clone();
    let rows = store.read(move |conn| filter.select(conn)).await.unwrap();
    rows.into_iter().map(|row| row.health_id).collect()
}

#[tokio::test]
async fn every_filter_gives_the_latest_that_a_look_at_each_report_would_give() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut dice = Dice(11);
    let reports: Vec<Report> = (0..200)
        .map(|number| Report {
            id: format!("id{number}"),
            camera: CAMERAS[dice.roll(3)],
            component: COMPONENTS[dice.roll(3)],
            at_us: dice.roll(60) as i64 * 1000,
        })
        .collect();
    tell(&store, reports.clone()).await;
    for _ in 0..300 {
        let mut maybe = |value: &str| (dice.roll(2) == 0).then(|| value.to_owned());
        let (camera_id, checkpoint_id, component) = (maybe("c0"), maybe("north"), maybe("camera"));
        let mut moment = || (dice.roll(2) == 0).then(|| dice.roll(60) as i64 * 1000);
        let (from_us, to_us) = (moment(), moment());
        let filter = HealthFilter { camera_id, checkpoint_id, component, from_us, to_us, limit: 1 + dice.roll(30) };
        let fits = |report: &Report| {
            filter.camera_id.as_deref().is_none_or(|id| id == report.camera.0)
                && filter.checkpoint_id.as_deref().is_none_or(|id| id == report.camera.1)
                && filter.component.as_deref().is_none_or(|component| component == report.component)
                && filter.from_us.is_none_or(|from_us| report.at_us >= from_us)
                && filter.to_us.is_none_or(|to_us| report.at_us < to_us)
        };
        let mut expected: Vec<(i64, usize)> =
            reports.iter().enumerate().filter(|(_, r)| fits(r)).map(|(seq, r)| (r.at_us, seq)).collect();
        expected.sort_unstable();
        let latest = expected.split_off(expected.len().saturating_sub(filter.limit));
        let expected: Vec<String> = latest.into_iter().map(|(_, seq)| reports[seq].id.clone()).collect();
        assert_eq!(ids(&store, &filter).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_report_that_25000_newer_ones_of_others_lie_upon_is_found_without_naming_its_camera() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let old = Report { id: "old".into(), camera: CAMERAS[0], component: "clock", at_us: 5 };
    let other = |number: usize| Report {
        id: format!("id{number}"),
        camera: CAMERAS[number % 2],
        component: "system",
        at_us: 1000 + number as i64,
    };
    tell(&store, std::iter::once(old).chain((0..25_000).map(other)).collect()).await;
    let clock = HealthFilter { component: Some("clock".into()), limit: 5, ..HealthFilter::default() };
    assert_eq!(ids(&store, &clock).await, ["old"]);
    let early = HealthFilter { to_us: Some(1000), limit: 5, ..HealthFilter::default() };
    assert_eq!(ids(&store, &early).await, ["old"]);
    let latest = HealthFilter { limit: 2, ..HealthFilter::default() };
    assert_eq!(ids(&store, &latest).await, ["id24998", "id24999"]);
}
