//! Questions asked of many records: pages, searches, statistics, by one client over REST.
//!
//! `cargo bench --bench find --no-default-features --features server,uplink`; LPR_BENCH_ROWS changes how many records
//! (5000000 takes some minutes and 6 GB), LPR_BENCH_DIR names a folder to keep and use again, LPR_BENCH_EVENTS says how many
//! events a second arrive meanwhile, LPR_BENCH_COLD=1 (as root) empties the machine's file cache before the server starts and
//! before each kind of question.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench stops at the first surprise")]

#[path = "../tests/common/event_client.rs"]
mod event_client;
#[path = "../tests/common/lpr_server.rs"]
#[allow(dead_code, reason = "a bench uses a part")]
mod lpr_server;

use event_client::Rest;
use lpr_server::LprServer;
use rusqlite::{Connection, params};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const CAMERAS: usize = 20;
const FLEET_CAMERA: usize = 7;
/// Between two records.
const STEP_US: i64 = 1_000_000;
const BEGIN_US: i64 = 1_700_000_000_000_000;

fn rows() -> usize {
    setting("LPR_BENCH_ROWS").map_or(200_000, |rows| rows as usize)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The plate of a record: half Thai, half Latin, a tenth of them seen again and again, one in sixteen not read. One camera saw
/// but a few hundred cars until a certain day.
fn plate(number: usize) -> String {
    if number % CAMERAS == FLEET_CAMERA && number < rows() / 5 * 2 {
        return format!("9ฬฬ {}", number / CAMERAS % 500);
    }
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut roll = |sides: u64| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    };
    if roll(16) == 0 {
        return String::new();
    }
    if roll(10) == 0 {
        return format!("1กก {}", roll(2000));
    }
    let thai: Vec<char> = "กขคฆงจฉชซฌญฎฐณดตถทธนบผพฟภมยรลวศษสหฬอฮ".chars().collect();
    match roll(2) {
        0 => {
            let mut letter = || thai[roll(thai.len() as u64) as usize];
            let (one, two) = (letter(), letter());
            format!("{}{one}{two} {}", roll(9) + 1, roll(9999) + 1)
        }
        _ => {
            let mut letter = || char::from(b'A' + roll(26) as u8);
            let letters: String = [letter(), letter(), letter()].iter().collect();
            format!("{letters}-{:04}", roll(10_000))
        }
    }
}

/// A third of the plates are Bangkok's, the others of ten provinces.
fn province(number: usize) -> &'static str {
    let others = ["ชลบุรี", "เชียงใหม่", "เชียงราย", "ขอนแก่น", "นครราชสีมา", "ภูเก็ต", "สงขลา", "อุดรธานี", "ระยอง", "นนทบุรี"];
    if number.is_multiple_of(3) { "กรุงเทพมหานคร" } else { others[number / 3 % 10] }
}

/// As an older server would have left them: the tables that a migration fills are filled by this program itself.
fn fill(data_dir: &Path, rows: usize) {
    let begun = Instant::now();
    assert!(LprServer::start(data_dir, "127.0.0.1:0", &[]).stop("TERM", Duration::from_secs(20)).success());
    let conn = Connection::open(data_dir.join("lpr-server.db")).unwrap();
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN").unwrap();
    for camera in 0..CAMERAS {
        let count = rows / CAMERAS;
        conn.execute(
            "INSERT INTO cameras (camera_id, checkpoint_id, registered_us, last_seen_us, detection_count)
             VALUES ('cam-' || ?1, 'gate', 0, 0, ?2)",
            params![camera as i64, count as i64],
        )
        .unwrap();
    }
    let mut insert = conn
        .prepare(
            "INSERT INTO detections (detection_id, camera_id, checkpoint_id, captured_us, received_us, body)
             VALUES (?1, ?2, 'gate', ?3, ?3, ?4)",
        )
        .unwrap();
    let pad = "p".repeat(500);
    for number in 0..rows {
        let (camera, at_us) = (format!("cam-{}", number % CAMERAS), BEGIN_US + number as i64 * STEP_US);
        let text = plate(number);
        let texts = if text.is_empty() { serde_json::json!([]) } else { serde_json::json!([text]) };
        let body = serde_json::json!({"camera_id": camera, "checkpoint_id": "gate", "ocr_results": texts, "province": [province(number)], "pad": pad});
        let id = format!("01a20af1-20ee-72c3-897e-{number:012}");
        insert.execute(params![id, camera, at_us, body.to_string()]).unwrap();
    }
    drop(insert);
    conn.execute_batch(
        "INSERT INTO tally SELECT 'detection', captured_us / 900000000 AS quarter, count(*) FROM detections GROUP BY quarter;
         INSERT INTO camera_hours SELECT camera_id, checkpoint_id, captured_us / 3600000000 AS hour, count(*)
             FROM detections GROUP BY camera_id, checkpoint_id, hour;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
    println!("{rows} records written in {:.0} s", begun.elapsed().as_secs_f64());
}

/// Waits until the server has looked at the plates of all of them.
fn look_through(server: &LprServer, rows: usize) {
    let begun = Instant::now();
    let mut rest = Rest::connect(&server.address).unwrap();
    loop {
        let answer = rest.get_json("/api/records?limit=1&images=none&plate=none").unwrap();
        if answer.get("message").is_none() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{rows} records looked through in {took:.1} s by a server that also answers");
}

fn ask(rest: &mut Rest, name: &str, times: usize, bound_ms: f64, path: impl Fn(usize) -> String) {
    let mut bytes = 0;
    empty_the_file_cache();
    let mut took: Vec<Duration> = (0..times)
        .map(|number| {
            let path = path(number);
            let begun = Instant::now();
            let (status, body) = rest.get(&path).unwrap();
            assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
            bytes = body.len();
            begun.elapsed()
        })
        .collect();
    took.sort();
    let ms = |share: f64| took[((times - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let verdict = if bound_ms == 0.0 {
        ""
    } else if ms(0.99) <= bound_ms {
        "within"
    } else {
        "ABOVE"
    };
    println!("{name:<46} median {:>8.2} p99 {:>8.2} ms  {bytes:>9} bytes  {verdict} {bound_ms}", ms(0.5), ms(0.99));
}

fn empty_the_file_cache() {
    if setting("LPR_BENCH_COLD") == Some(1) {
        fs::write("/proc/sys/vm/drop_caches", "3").expect("LPR_BENCH_COLD needs root");
    }
}

/// Reads that arrive while questions are asked, until `enough`: in groups of ten, over one connection.
fn events(address: &str, in_a_second: u64, enough: &AtomicBool) {
    let mut rest = Rest::connect(address).unwrap();
    let begun = Instant::now();
    let mut sent = 0;
    while !enough.load(Relaxed) {
        while sent < begun.elapsed().as_millis() as u64 * in_a_second / 1000 {
            let event = serde_json::json!({
                "type": "detection_result", "camera_id": format!("cam-{}", sent % 20), "checkpoint_id": "gate",
                "timestamp": "2024-12-19T10:00:00Z", "ocr_results": [format!("NEW {sent}")], "pad": "p".repeat(500),
                "event_id": uuid::Uuid::now_v7(),
            });
            let (status, answer) = rest.post("/api/detection", &event.to_string()).unwrap();
            assert_eq!(status, 200, "{answer}");
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{:.0} events a second arrived meanwhile", sent as f64 / begun.elapsed().as_secs_f64());
}

fn memory(pid: u32, which: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn main() {
    let rows = rows();
    let kept = std::env::var_os("LPR_BENCH_DIR").map(PathBuf::from);
    let temporary = tempfile::tempdir_in(".").unwrap();
    let data_dir = kept.unwrap_or_else(|| temporary.path().to_owned());
    if !data_dir.join("lpr-server.db").exists() {
        fill(&data_dir, rows);
    }
    empty_the_file_cache();
    let begun = Instant::now();
    let server = LprServer::start(&data_dir, "127.0.0.1:0", &[]);
    println!("ready after {:.0} ms", begun.elapsed().as_secs_f64() * 1000.0);
    look_through(&server, rows);
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if let Some(in_a_second) = setting("LPR_BENCH_EVENTS") {
            let (address, enough) = (&server.address, &enough);
            scope.spawn(move || events(address, in_a_second, enough));
        }
        questions(&server, rows);
        enough.store(true, Relaxed);
    });
}

fn questions(server: &LprServer, rows: usize) {
    let mut rest = Rest::connect(&server.address).unwrap();
    let spread = |number: usize| number.wrapping_mul(7919) % rows;
    let at = move |number: usize| (BEGIN_US + number as i64 * STEP_US) / 1_000_000;
    let records = "/api/records?images=none&limit=20";
    let seen = move |number: usize| (spread(number)..).find(|number| !plate(*number).is_empty()).unwrap();
    let read = move |number: usize| plate(seen(number));

    ask(&mut rest, "statistics", 200, 5.0, |_| "/api/statistics".into());
    ask(&mut rest, "the last 20", 200, 20.0, |_| records.into());
    ask(&mut rest, "of a camera", 200, 20.0, |n| format!("{records}&camera_id=cam-{}", n % CAMERAS));
    ask(&mut rest, "of a checkpoint", 200, 20.0, |_| format!("{records}&checkpoint_id=gate"));
    ask(&mut rest, "a page anywhere", 200, 20.0, |n| format!("{records}&order=desc&cursor=a{}", spread(n)));
    ask(&mut rest, "of an hour", 200, 20.0, |n| {
        format!("{records}&from={}&to={}", at(spread(n)), at(spread(n)) + 3600)
    });
    ask(&mut rest, "of a camera, from a moment on", 200, 20.0, |n| {
        format!("{records}&camera_id=cam-{}&order=asc&from={}", n % CAMERAS, at(spread(n)))
    });
    ask(&mut rest, "of a checkpoint, up to a moment", 200, 20.0, |n| {
        format!("{records}&checkpoint_id=gate&to={}", at(spread(n)))
    });
    ask(&mut rest, "hours of a month", 100, 0.0, |n| {
        format!("/api/hours?camera_id=cam-{}&from={}&to={}", n % CAMERAS, at(0), at(0) + 30 * 86400)
    });
    ask(&mut rest, "plate, exact", 200, 150.0, |n| format!("{records}&plate={}", encoded(&read(n))));
    ask(&mut rest, "plate, fuzzy", 200, 150.0, |n| format!("{records}&match=fuzzy&plate={}", encoded(&read(n))));
    ask(&mut rest, "plate, fuzzy, unknown", 100, 150.0, |n| format!("{records}&match=fuzzy&plate=QQ{n}QQ{n}"));
    ask(&mut rest, "plate and province", 200, 150.0, |n| {
        format!("{records}&plate={}", encoded(&format!("{} {}", read(n), province(seen(n)))))
    });
    ask(&mut rest, "of the fleet, and province", 100, 150.0, |n| {
        format!("{records}&plate={}", encoded(&format!("9ฬฬ {n} {}", province(n))))
    });
    ask(&mut rest, "province", 100, 150.0, |n| format!("{records}&province={}", encoded(province(n))));
    ask(&mut rest, "province, a camera, a day", 100, 150.0, |n| {
        let from = at(spread(n));
        format!(
            "{records}&province={}&camera_id=cam-{}&from={from}&to={}",
            encoded(province(n)),
            n % CAMERAS,
            from + 86_400
        )
    });
    for prefix in ["1", "1ก", "1กก", "AB", "ABC1", "9ฮ"] {
        ask(&mut rest, &format!("plate, prefix {prefix}"), 30, 150.0, |_| {
            format!("{records}&match=prefix&plate={}", encoded(prefix))
        });
    }
    ask(&mut rest, "prefix 1, a camera, up to a moment", 50, 150.0, |n| {
        format!("{records}&match=prefix&plate=1&camera_id=cam-{}&to={}", n % CAMERAS, at(spread(n)))
    });
    ask(&mut rest, "fuzzy, a day", 100, 150.0, |n| {
        let from = at(spread(n));
        format!("{records}&match=fuzzy&plate={}&from={from}&to={}", encoded(&read(n)), from + 86_400)
    });
    ask(&mut rest, "prefix 1, a day, a checkpoint, desc", 50, 150.0, |n| {
        let from = at(spread(n));
        format!("{records}&match=prefix&plate=1&checkpoint_id=gate&order=desc&from={from}&to={}", from + 86_400)
    });
    ask(&mut rest, "fuzzy of one that is seen often, a camera", 50, 150.0, |n| {
        format!("{records}&match=fuzzy&plate={}&camera_id=cam-{}", encoded(&format!("1กก {}", n * 7)), n % CAMERAS)
    });
    ask(&mut rest, "fuzzy of one that is seen often, from a moment", 50, 150.0, |n| {
        format!("{records}&match=fuzzy&plate={}&from={}", encoded(&format!("1กก {}", n * 7)), at(spread(n)))
    });
    let fleet = encoded("9ฬฬ");
    ask(&mut rest, "prefix of the fleet, its camera, asc", 50, 150.0, |_| {
        format!("{records}&match=prefix&plate={fleet}&camera_id=cam-{FLEET_CAMERA}&order=asc")
    });
    ask(&mut rest, "prefix of the fleet, the latest", 50, 150.0, |_| {
        format!("{records}&match=prefix&plate={fleet}&order=desc")
    });
    ask(&mut rest, "prefix of the fleet, another camera", 50, 150.0, |n| {
        format!("{records}&match=prefix&plate={fleet}&camera_id=cam-{}", n % FLEET_CAMERA)
    });
    ask(&mut rest, "prefix of the fleet, after it went", 50, 150.0, |_| {
        format!("{records}&match=prefix&plate={fleet}&from={}", at(rows / 2))
    });
    ask(&mut rest, "prefix of the fleet, a day, a camera", 50, 150.0, |n| {
        let from = at(spread(n));
        format!("{records}&match=prefix&plate={fleet}&camera_id=cam-{}&from={from}&to={}", n % CAMERAS, from + 86_400)
    });
    println!("memory {:.0} MB, most {:.0} MB", memory(server.pid(), "VmRSS:"), memory(server.pid(), "VmHWM:"));
    ask(&mut rest, "100000 records", 3, 0.0, |_| "/api/records?images=none&limit=100000".into());
    ask(&mut rest, "an export of 100000 lines", 2, 0.0, |_| "/api/export?format=csv&limit=100000".into());
    println!("memory {:.0} MB, most {:.0} MB", memory(server.pid(), "VmRSS:"), memory(server.pid(), "VmHWM:"));
}
