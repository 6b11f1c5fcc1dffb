//! PROTOCOL 3.2, lines 1 to 5: ids, lists, boxes and scores, times, pictures.

use crate::peer::{JPEG, on_both_roads};
use serde_json::{Value, json};

/// A detection with these members beside the ones that every peer sends. They come as text, as peers write them.
fn detection(members: &str) -> String {
    format!(r#"{{"type":"detection_result","timestamp":"2024-12-19T10:00:00Z",{members}}}"#)
}

#[test]
fn line_01_ids_are_numbers_or_texts_have_two_names_and_a_missing_checkpoint_is_default() {
    on_both_roads("", |peer| {
        for ids in [
            r#""camera_id":1,"checkpoint_id":7"#,
            r#""camera_id":"1","checkpoint_id":"7""#,
            r#""camera_id":1.0,"checkpoint_id":7.0"#,
        ] {
            let answer = peer.tell("lpr_data", &detection(ids));
            assert_eq!((&answer["camera_id"], &answer["checkpoint_id"]), (&json!("1"), &json!("7")), "{answer}");
        }
        let cameras = peer.server.cameras();
        assert_eq!((cameras.len(), &cameras[0]["detection_count"]), (1, &json!(3)), "one camera: {cameras:?}");

        let record = peer.stores(&detection(r#""aicamera_id":"edge-7","checkpoint_id":"north""#));
        assert_eq!((&record["camera_id"], &record["aicamera_id"]), (&json!("edge-7"), &json!("edge-7")));
        let record = peer.stores(&detection(r#""camera_id":"lane-1","aicamera_id":"edge-7","checkpoint_id":"north""#));
        assert_eq!(record["camera_id"], "lane-1", "beside the other the contract's name counts");
        for nothing in ["", r#","checkpoint_id":null"#, r#","checkpoint_id":"  ""#] {
            let record =
                peer.stores(&detection(&format!(r#""camera_id":"c","ocr_results":["{}"]{nothing}"#, nothing.len())));
            assert_eq!(record["checkpoint_id"], "default");
        }
        let answer = peer.tell("camera_register", r#"{"aicamera_id":42}"#);
        assert_eq!((&answer["camera_id"], &answer["checkpoint_id"]), (&json!("42"), &json!("default")), "{answer}");
        let found = peer.server.get("/api/records?camera_id=1&checkpoint_id=7");
        assert_eq!(found["total_count"], 3);
        peer.is_refused("lpr_data", &detection(r#""checkpoint_id":"north""#), "camera_id");
        peer.is_refused("camera_register", r#"{"camera_id":true}"#, "camera_id");
    });
}

#[test]
fn line_02_lists_come_as_json_text_and_results_as_objects() {
    on_both_roads("", |peer| {
        // As a peer writes it that keeps lists in TEXT columns and sends the rows.
        let record = peer.stores(&detection(
            r#""camera_id":"c","checkpoint_id":"p","ocr_results":"[\"กข 1234\", \"B2\"]",
            "vehicle_detections":"[{\"bbox\": [1, 2, 3, 4], \"confidence\": 0.5, \"class\": \"car\"}]",
            "plate_detections":"[{\"bbox\": [1.5, 2, 3, 4], \"confidence\": NaN}]","vehicles_count":"1""#,
        ));
        assert_eq!(record["ocr_results"], json!(["กข 1234", "B2"]));
        assert_eq!(record["vehicle_detections"], json!([{"bbox": [1, 2, 3, 4], "confidence": 0.5, "class": "car"}]));
        assert_eq!(record["plate_detections"], json!([{"bbox": [1.5, 2, 3, 4], "confidence": null}]));
        assert_eq!((&record["vehicles_count"], &record["plates_count"]), (&json!(1), &json!(2)));

        let record = peer.stores(&detection(
            r#""camera_id":"c","checkpoint_id":"p",
            "ocr_results":[{"text":"AB1","confidence":88},{"confidence":12},"CD2",{"text":77}]"#,
        ));
        assert_eq!(record["ocr_results"], json!(["AB1", "", "CD2", "77"]), "positions stay");
        assert_eq!(record["plate_detections"][0], json!({"text": "AB1", "confidence": 0.88, "bbox": null}));

        for alone in [
            r#"{"text":"AB1","bbox":[1,2,3,4],"score":0.9}"#,
            r#""{\"text\":\"AB1\",\"bbox\":[1,2,3,4],\"score\":90}""#,
        ] {
            let record =
                peer.stores(&detection(&format!(r#""camera_id":"c","checkpoint_id":"p","ocr_results":{alone}"#)));
            assert_eq!(record["ocr_results"], json!(["AB1"]));
            assert_eq!(record["plate_detections"][0]["confidence"], 0.9);
        }
        let record = peer.stores(&detection(r#""camera_id":"c","checkpoint_id":"p","ocr_results":"ZZ 99""#));
        assert_eq!(record["ocr_results"], json!(["ZZ 99"]), "one plain text is one result");
        let record = peer.stores(&detection(
            r#""camera_id":"c","checkpoint_id":"p","ocr_results":null,"vehicle_detections":"","plate_detections":"null""#,
        ));
        assert_eq!((&record["ocr_results"], &record["vehicle_detections"]), (&json!([]), &json!([])));

        peer.is_refused(
            "lpr_data",
            &detection(r#""camera_id":"c","vehicle_detections":"no list""#),
            "vehicle_detections",
        );
        peer.is_refused("lpr_data", &detection(r#""camera_id":"c","plate_detections":7"#), "plate_detections");
        for (details, stored) in [
            (r#""{\"cpu_usage\": 45.2}""#, json!({"cpu_usage": 45.2})),
            ("null", json!({})),
            (r#""""#, json!({})),
            (r#"["a"]"#, json!({"items": ["a"]})),
            (r#"{"cpu_usage":-Infinity}"#, json!({"cpu_usage": null})),
        ] {
            let health = format!(
                r#"{{"type":"health_check","camera_id":"c","timestamp":1734602400,"component":"c","status":"healthy","details":{details}}}"#
            );
            assert_eq!(peer.tell("health_status", &health)["success"], true, "{stored}");
            assert_eq!(stored_health(peer)["details"], stored);
        }
    });
}

/// The health report that was stored last, as the database has it.
fn stored_health(peer: &crate::peer::Peer) -> Value {
    let database = rusqlite::Connection::open(peer.server.dir.path().join("data/lpr-server.db")).unwrap();
    let body: String =
        database.query_row("SELECT body FROM health ORDER BY seq DESC LIMIT 1", [], |row| row.get(0)).unwrap();
    serde_json::from_str(&body).unwrap()
}

#[test]
fn line_03_boxes_scores_and_classes_come_in_every_shape_and_python_sends_nan() {
    on_both_roads("", |peer| {
        let record = peer.stores(&detection(
            r#""camera_id":"c","checkpoint_id":"p","processing_time_ms":Infinity,"vehicle_detections":[
            {"bbox":[-5,0,99999.5,1.5],"score":0.95,"vehicle_class":"bus"},
            {"bbox":[NaN,0,1,1],"confidence":95,"label":"car"},
            {"bbox":[0,0,1],"confidence":"87%","class":"truck"},
            {"bbox":"[1, 2, 3, 4]","confidence":null,"score":100,"class":2},
            {"bbox":[1,2,3,4],"confidence":NaN,"score":-Infinity,"class":"","label":"van"}]"#,
        ));
        assert_eq!(
            record["vehicle_detections"],
            json!([
                {"bbox": [-5, 0, 99999.5, 1.5], "confidence": 0.95, "class": "bus"},
                {"bbox": null, "confidence": 0.95, "class": "car"},
                {"bbox": null, "confidence": 0.87, "class": "truck"},
                {"bbox": [1, 2, 3, 4], "confidence": 1.0, "class": "2"},
                {"bbox": [1, 2, 3, 4], "confidence": null, "class": "van"},
            ])
        );
        assert_eq!((&record["vehicles_count"], &record["processing_time_ms"]), (&json!(5), &Value::Null));
        // A word inside a text is no number.
        let record = peer.stores(&detection(r#""camera_id":"c","ocr_results":["NaN","-Infinity \"NaN\" "]"#));
        assert_eq!(record["ocr_results"], json!(["NaN", "-Infinity \"NaN\" "]));
    });
}

#[test]
fn line_04_times_come_in_every_form_and_an_unreadable_one_is_named() {
    let config = "timezone = \"Asia/Bangkok\"\n[camera_timezones]\n\"border/1\" = \"Asia/Tokyo\"\n";
    on_both_roads(config, |peer| {
        let at = |sent: &str, camera: &str| {
            format!(
                r#"{{"type":"detection_result","camera_id":{camera},"checkpoint_id":"border","timestamp":{sent},"ocr_results":["{}"]}}"#,
                sent.replace('"', "'")
            )
        };
        for (sent, original) in [
            (r#""2024-12-19T10:00:00Z""#, "2024-12-19T10:00:00Z"),
            (r#""2024-12-19T10:00:00.000000+00:00""#, "2024-12-19T10:00:00.000000+00:00"),
            (r#""2024-12-19T17:00:00+07:00""#, "2024-12-19T17:00:00+07:00"),
            (r#""2024-12-19T17:00:00+0700""#, "2024-12-19T17:00:00+0700"),
            (r#""2024-12-19T17:00:00""#, "2024-12-19T17:00:00"),
            (r#""2024-12-19 17:00:00.000000""#, "2024-12-19 17:00:00.000000"),
            (r#""2024-12-19 10:00:00Z""#, "2024-12-19 10:00:00Z"),
            ("1734602400", "1734602400"),
            ("1734602400.0", "1734602400.0"),
            ("1734602400000", "1734602400000"),
            (r#""1734602400""#, "1734602400"),
            (r#""1734602400000""#, "1734602400000"),
        ] {
            let record = peer.stores(&at(sent, "9"));
            assert_eq!(record["timestamp"], "2024-12-19T10:00:00.000000+00:00", "{sent}");
            assert_eq!(record["timestamp_original"], original, "kept as it was sent");
            assert!(record["received_at"].as_str().unwrap().ends_with("+00:00"));
        }
        // The same words of a camera whose clock is on Tokyo's time, two hours ahead; its id comes as a number.
        let record = peer.stores(&at(r#""2024-12-19T17:00:00""#, "1"));
        assert_eq!(record["timestamp"], "2024-12-19T08:00:00.000000+00:00");
        let record = peer.stores(&at(r#""2024-12-19T17:00:00Z""#, "1"));
        assert_eq!(record["timestamp"], "2024-12-19T17:00:00.000000+00:00", "an offset says it all");
        for unreadable in
            [r#""yesterday""#, r#""""#, "null", "[]", "NaN", "-5", "1e300", r#""2024-13-45T99:00:00""#, "true"]
        {
            peer.is_refused("lpr_data", &at(unreadable, "9"), "timestamp");
            let health = at(unreadable, "9").replace("detection_result", "health_check");
            peer.is_refused("health_status", &health, "timestamp");
        }
        // What poisoned servers of the first generation: the statistics still answer.
        assert_eq!(peer.server.get("/api/statistics")["success"], true);
    });
}

#[test]
fn line_05_a_picture_that_is_none_is_dropped_said_and_counted_and_the_record_is_kept() {
    on_both_roads("", |peer| {
        let pictures = format!(
            r#""camera_id":"c","annotated_image":"{JPEG}","original_image":"data:image/jpeg;base64,{JPEG}",
            "image_data":"data:image/png;base64,iVBORw0KGgo=","cropped_plates":["",{JPEG:?}],"ocr_results":["A","B"]"#
        );
        let answer = peer.tell("lpr_data", &detection(&pictures));
        assert_eq!(answer["message"], "Detection data received", "an empty crop only keeps its place");
        let record = &peer.server.records()[0];
        assert_eq!((&record["annotated_image"], &record["original_image"]), (&json!(JPEG), &json!(JPEG)));
        assert_eq!((&record["image_data"], &record["cropped_plates"]), (&json!("iVBORw0KGgo="), &json!(["", JPEG])));
        assert_eq!(peer.server.pictures(), 4);

        // What the clients of the first generation's own tests send, line breaks in base64, and a list as text.
        let placeholders = r#""camera_id":"c","annotated_image":"base64_encoded_image","original_image":"",
            "image_data":"data:image/jpeg;base64","cropped_plates":["base64_encoded_plate",5,"R0lGODlh"],"ocr_results":["C"]"#;
        let answer = peer.tell("lpr_data", &detection(placeholders));
        assert!(answer["message"].as_str().unwrap().contains("6 image(s) dropped"), "{answer}");
        assert_eq!(peer.tell("lpr_data", &detection(placeholders))["duplicate"], true);
        assert_eq!(peer.server.get("/api/statistics")["data"]["images_dropped"], 6, "a repeat is not counted again");
        let record = &peer.server.records()[1];
        assert_eq!((&record["ocr_results"], &record["annotated_image"]), (&json!(["C"]), &json!("")));
        let wrapped = r#""camera_id":"c","annotated_image":"/9j/\n4AAQ\r\nSkZJRg","cropped_plates":"[\"/9j/4AAQ\"]""#;
        let answer = peer.tell("lpr_data", &detection(wrapped));
        assert_eq!(answer["message"], "Detection data received");
        let record = &peer.server.records()[2];
        assert_eq!((&record["annotated_image"], &record["cropped_plates"]), (&json!(JPEG), &json!(["/9j/4AAQ"])));
        // None of it is in the record's text.
        assert!(!peer.server.get("/api/records?images=none").to_string().contains("base64_encoded"));
    });
}
