use super::*;

/// A file as schema 1 left it, with a row in each state.
fn schema_1(dir: &Path) -> (Uuid, Uuid, Uuid) {
    let file = Connection::open(dir.join("outbox.db")).unwrap();
    file.execute_batch(include_str!("../schema_1.sql")).unwrap();
    file.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    file.pragma_update(None, "journal_mode", "WAL").unwrap();
    let (epoch, plate, refused) = (Uuid::new_v4(), Uuid::now_v7(), Uuid::now_v7());
    file.execute(
        "INSERT INTO outbox (epoch, last_seq, delivered, created_us) VALUES (?1, 9, 5, 1)",
        [epoch.to_string()],
    )
    .unwrap();
    let evidence = EvidenceRefs { frame: Some(EvidencePath::frame(plate, 0)), plates: vec![] };
    let evidence = serde_json::to_string(&evidence).unwrap();
    let rows = [(plate, "plate", "pending", None, 3), (refused, "plate", "quarantined", Some("400: box"), 4)];
    for (id, kind, state, reason, seq) in rows {
        file.execute(
            "INSERT INTO event (event_id, revision, kind, priority, camera, checkpoint, epoch, seq, boot_id, wall_us, mono_ms,
                                clock_synced, body, evidence, state, reason, created_us)
             VALUES (?1, 2, ?2, 0, 'cam', 'gate', ?3, ?4, 'boot-1', 77, 42, 0, '{\"ocr_results\":[\"ก\"]}', ?5, ?6, ?7, 1)",
            rusqlite::params![id.to_string(), kind, epoch.to_string(), seq, evidence, state, reason],
        )
        .unwrap();
    }
    file.execute("UPDATE sqlite_sequence SET seq = 9", []).unwrap();
    (epoch, plate, refused)
}

#[test]
fn a_file_of_schema_1_is_carried_over_with_every_row_and_number() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, plate, refused) = schema_1(dir.path());
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let counts = handle.counts();
    assert_eq!((counts.pending, counts.pending_plates, counts.quarantined, counts.delivered), (1, 1, 1, 5));
    assert_eq!(handle.epoch(), epoch);
    handle.submit_blocking(row(EventKind::Plate)).unwrap();
    let rows = next(&handle, 9, &[]);
    let old = &rows[0];
    assert_eq!((old.event_id, old.revision, old.seq, old.epoch, &old.boot.0[..]), (plate, 2, 3, epoch, "boot-1"));
    assert_eq!((old.at, old.offset_us), (CaptureTime { wall_us: 77, mono_ms: 42, synced: false }, None));
    assert_eq!(old.body["ocr_results"], json!(["ก"]));
    assert_eq!(old.evidence.frame, Some(EvidencePath::frame(plate, 0)));
    assert_eq!(rows[1].seq, 10, "numbers go on");
    let kept = Inspector::open(dir.path()).unwrap().list(Some(State::Quarantined), 0, 9).unwrap().0;
    assert_eq!((kept[0].row.event_id, kept[0].reason.as_deref()), (refused, Some("400: box")));
    assert!(kept[0].row.id < rows[1].id && rows[1].id.0 == 10, "row numbers are not given twice");
}

#[test]
fn a_migration_that_is_cut_off_leaves_the_old_form_whole() {
    let dir = tempfile::tempdir().unwrap();
    schema_1(dir.path());
    let file = Connection::open(dir.path().join("outbox.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    file.execute_batch(include_str!("../schema_2.sql")).unwrap();
    drop(file);
    assert_eq!(number(dir.path(), "PRAGMA user_version"), 1);
    assert_eq!(open(dir.path()).unwrap().handle().counts().pending, 1);
}
