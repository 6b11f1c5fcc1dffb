//! The store with real files, a real zip archive, and a pip whose index is a folder.

use super::store::copy_hashing;
use super::*;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

const ARCH: &str = "x86_64";
const CAR: &[u8] = b"weights of the vehicle detector";
const SPARE: &[u8] = b"weights of another one";
const PLATE: &[u8] = b"weights of the plate detector";

/// A models folder, a cache folder and a Python, all of one test.
struct Bench {
    root: tempfile::TempDir,
    wheel_sha256: String,
}

impl Bench {
    /// Default: `car` (cache) with the stand-in `spare` (cache), and `plate` (cache, then wheel).
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["models", "cache", "python"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/models/testdata/python3");
        symlink(script, root.path().join("python/python3")).unwrap();
        let wheel = root.path().join("python/nets-1.0-py3-none-any.whl");
        let mut archive = zip::ZipWriter::new(File::create(&wheel).unwrap());
        archive.start_file("nets/plate.onnx", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(PLATE).unwrap();
        archive.finish().unwrap();
        let bench = Self { root, wheel_sha256: sha256(&fs::read(wheel).unwrap()) };
        bench.write_lock(&bench.lock());
        bench
    }

    fn lock(&self) -> String {
        let entry = |name: &str, role: &str, when: &str, content: &[u8], more: &str| {
            format!(
                "[[file]]\nname = \"{name}\"\nrole = \"{role}\"\nwhen = {when}\nfile = \"nets/{name}.onnx\"\nsha256 = \"{}\"\n\
                 size = {}\nlicence = \"MIT\"\nlicence_from = \"its author\"\nsources = [{{ cache = \"{name}.onnx\" }}, {more}]\n",
                sha256(content),
                content.len()
            )
        };
        let wheel = format!(
            "{{ wheel = {{ package = \"nets\", version = \"1.0\", sha256 = \"{}\", member = \"nets/plate.onnx\" }} }}",
            self.wheel_sha256
        );
        "version = 1\n".to_owned()
            + &entry("car", "vehicle", "\"default\"", CAR, "")
            + &entry("spare", "vehicle", "{ instead_of = \"car\" }", SPARE, "")
            + &entry("plate", "plate", "\"default\"", PLATE, &wheel)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    fn write_lock(&self, text: &str) {
        fs::write(self.path("models/lock.toml"), text).unwrap();
    }

    fn put(&self, inside: &str, content: &[u8]) {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        fs::write(self.path(inside), content).unwrap();
    }

    fn store(&self) -> Store {
        Store::open(&self.path("models")).unwrap()
    }

    fn origins(&self) -> Origins {
        Origins { cache: Some(self.path("cache")), python: self.path("python/python3").into() }
    }

    /// Fetches; gives what was said on the way too.
    fn fetch(&self, names: &[&str]) -> (Result<Outcome, ModelsError>, Vec<String>) {
        self.fetch_from(names, &self.origins())
    }

    fn fetch_from(&self, names: &[&str], origins: &Origins) -> (Result<Outcome, ModelsError>, Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut said = Vec::new();
        let result = fetch(&self.store(), &names, ARCH, origins, &mut |progress| said.push(format!("{progress:?}")));
        (result, said)
    }

    fn content(&self, inside: &str) -> Option<Vec<u8>> {
        fs::read(self.path(inside)).ok()
    }
}

fn sha256(content: &[u8]) -> String {
    copy_hashing(&mut &content[..], &mut std::io::sink(), u64::MAX).unwrap().sha256
}

fn words(result: Result<Outcome, ModelsError>) -> String {
    result.expect_err("must fail").to_string()
}

#[test]
fn the_hash_is_sha256() {
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn what_is_missing_comes_from_the_cache_and_from_a_wheel_and_a_second_run_does_nothing() {
    let bench = Bench::new();
    bench.put("cache/car.onnx", CAR);
    let outcome = bench.fetch(&[]).0.unwrap();
    assert_eq!(outcome, Outcome { fetched: vec!["car".into(), "plate".into()], present: 0, stand_ins: vec![] });
    assert_eq!(bench.content("models/nets/car.onnx").as_deref(), Some(CAR));
    assert_eq!(bench.content("models/nets/plate.onnx").as_deref(), Some(PLATE));
    assert!(!bench.path("models/.fetch").exists(), "no scratch is left");

    let (again, said) = bench.fetch(&[]);
    assert_eq!(again.unwrap(), Outcome { present: 2, ..Outcome::default() });
    assert_eq!(said, [""; 0]);
}

#[test]
fn a_foreign_file_in_the_cache_is_refused_and_the_next_source_tried() {
    let bench = Bench::new();
    bench.put("cache/plate.onnx", b"something else, and longer than the file that is pinned by far");
    let (result, said) = bench.fetch(&["plate"]);
    assert_eq!(result.unwrap().fetched, ["plate"]);
    assert!(said.iter().any(|line| line.contains("Refused") && line.contains("Foreign")), "{said:#?}");
    assert_eq!(bench.content("models/nets/plate.onnx").as_deref(), Some(PLATE));
}

#[test]
fn a_foreign_file_never_gets_the_name_of_the_pinned_one() {
    let bench = Bench::new();
    bench.put("cache/car.onnx", b"something else");
    let text = words(bench.fetch(&["car"]).0);
    assert!(text.contains(&sha256(CAR)) && text.contains(&sha256(b"something else")), "{text}");
    assert!(bench.content("models/nets/car.onnx").is_none());
    assert!(!bench.path("models/.fetch").exists());
}

#[test]
fn a_corrupt_file_is_seen_and_replaced() {
    let bench = Bench::new();
    bench.put("cache/car.onnx", CAR);
    bench.put("models/nets/car.onnx", &CAR[..7]);
    let store = bench.store();
    let car = store.lock().entries(ARCH).next().unwrap();
    assert_eq!(store.state_of(car).unwrap(), State::Corrupt { found: sha256(&CAR[..7]) });
    let (result, said) = bench.fetch(&["car"]);
    assert_eq!(result.unwrap().fetched, ["car"]);
    assert!(said[0].starts_with("Replacing"), "{said:#?}");
    assert_eq!(store.state_of(car).unwrap(), State::Present);
}

#[test]
fn a_stand_in_is_brought_where_the_default_cannot_be_had_and_its_key_is_told() {
    let bench = Bench::new();
    bench.put("cache/spare.onnx", SPARE);
    let stand_in = StandIn { name: "spare".into(), instead_of: "car".into(), key: "vehicle" };
    let outcome = bench.fetch(&[]).0.unwrap();
    assert_eq!(outcome.fetched, ["spare", "plate"]);
    assert_eq!(outcome.stand_ins, std::slice::from_ref(&stand_in));

    let (again, said) = bench.fetch(&[]);
    assert_eq!(again.unwrap(), Outcome { fetched: vec![], present: 2, stand_ins: vec![stand_in] });
    assert_eq!(said, [""; 0], "the second run does nothing");

    assert!(words(bench.fetch(&["car"]).0).contains("car cannot be had"), "named, it is that file or none");
    bench.put("cache/car.onnx", CAR);
    assert_eq!(bench.fetch(&["car"]).0.unwrap().fetched, ["car"]);
    assert_eq!(bench.fetch(&[]).0.unwrap().stand_ins, []);
}

#[test]
fn a_file_that_cannot_be_had_names_every_source_and_the_way_by_hand() {
    let bench = Bench::new();
    bench.write_lock(&bench.lock().replace(&bench.wheel_sha256, &"0".repeat(64)));
    let origins = Origins { cache: None, ..bench.origins() };
    let text = words(bench.fetch_from(&["plate"], &origins).0);
    for says in [
        "LPR_MODEL_CACHE is not set",
        "the Python wheel nets 1.0: the wheel has sha256",
        "By hand: put plate.onnx",
        &sha256(PLATE),
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_wheel_without_the_member_or_with_another_one_under_its_name_is_refused() {
    let bench = Bench::new();
    bench.write_lock(&bench.lock().replace("nets/plate.onnx\" } }", "nets/gone.onnx\" } }"));
    assert!(words(bench.fetch(&["plate"]).0).contains("nets/gone.onnx"));
    bench.write_lock(&bench.lock().replace(&sha256(PLATE), &"0".repeat(64)));
    assert!(words(bench.fetch(&["plate"]).0).contains("refused"));
    assert!(bench.content("models/nets/plate.onnx").is_none());
}

#[test]
fn what_pip_lacks_is_told_with_its_remedy() {
    let bench = Bench::new();
    for (says, told) in [
        ("/usr/bin/python3: No module named pip\n", "apt-get install python3-pip"),
        (
            "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError'\n\
             ERROR: No matching distribution found for nets==1.0\n",
            "no network",
        ),
        ("ERROR: No matching distribution found for nets==1.0\n", "No matching distribution found for nets==1.0"),
    ] {
        bench.put("python/says", says.as_bytes());
        let text = words(bench.fetch(&["plate"]).0);
        assert!(text.contains(told) && text.contains("By hand"), "{text}");
    }
    let origins = Origins { python: bench.path("no/python3").into(), ..bench.origins() };
    let text = words(bench.fetch_from(&["plate"], &origins).0);
    assert!(text.contains("no/python3") && text.contains("apt-get install python3-pip"), "{text}");
}

#[test]
fn a_release_page_is_read_by_python_and_its_failure_is_told() {
    let bench = Bench::new();
    let store = bench.store();
    let plate = store.lock().entries(ARCH).find(|entry| entry.name == "plate").unwrap();
    let origins = Origins { cache: None, python: "python3".into() };
    bench.put("page", PLATE);
    let url = |name: &str| Source::Url(format!("file://{}", bench.path(name).display()));
    let error = origins.bring(&store, plate, &url("gone")).unwrap_err();
    assert!(error.to_string().contains("download failed"), "{error}");
    origins.bring(&store, plate, &url("page")).unwrap();
    assert_eq!(bench.content("models/nets/plate.onnx").as_deref(), Some(PLATE));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let bench = Bench::new();
    bench.put("cache/car.onnx", CAR);
    bench.put("models/.fetch", b"a file where a folder must be");
    let text = words(bench.fetch(&["car"]).0);
    assert!(text.contains("models/.fetch") && text.contains("--dir"), "{text}");
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    let text = words(Bench::new().fetch(&["plat"]).0);
    assert!(text.contains("\"plat\"") && text.contains("\"plate\""), "{text}");
}

#[test]
fn a_missing_or_foreign_lock_is_named() {
    let bench = Bench::new();
    bench.write_lock("version = 1\ncolour = 2\n");
    let text = Store::open(&bench.path("models")).unwrap_err().to_string();
    assert!(text.contains("models/lock.toml") && text.contains("colour"), "{text}");
    let text = Store::open(&bench.path("nowhere")).unwrap_err().to_string();
    assert!(text.contains("nowhere/lock.toml") && text.contains("--dir"), "{text}");
}

#[test]
fn two_fetches_in_one_folder_take_turns() {
    let bench = Bench::new();
    bench.put("cache/car.onnx", CAR);
    let first = File::create(bench.path("models/.fetch.lock")).unwrap();
    first.lock().unwrap();
    let (says, said) = mpsc::channel();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let names = ["car".to_owned()];
            fetch(&bench.store(), &names, ARCH, &bench.origins(), &mut |progress| {
                says.send(format!("{progress:?}")).unwrap();
            })
        });
        assert_eq!(said.recv().unwrap(), "Waiting");
        bench.put("models/nets/car.onnx", CAR);
        first.unlock().unwrap();
        let outcome = second.join().unwrap().unwrap();
        assert_eq!(outcome, Outcome { present: 1, ..Outcome::default() }, "what the first brought is enough");
    });
}
