//! Flows are read anew while the server runs: the next call hears the new words, and a fault changes nothing.

use std::process::Command;

use crate::fixture::{TestHouse, repository, run, text, write};

/// Asks the server to read its flows anew; the answer's status and body.
fn reload(house: &TestHouse) -> (String, String) {
    let url = format!("http://{}/v1/flows/reload", house.http);
    let arguments = ["-s", "--max-time", "20", "-X", "POST", "-w", "\n%{http_code}", &url];
    let output = Command::new("curl").args(arguments).output().expect("curl is installed");
    let told = text(&output);
    let (body, status) = told.trim_end().rsplit_once('\n').expect("a status below the body");
    (status.to_owned(), body.to_owned())
}

#[test]
fn a_changed_flow_is_used_without_a_restart_and_a_faulty_one_is_not() {
    let mut house = TestHouse::prepare("flows", "");
    let original = std::fs::read_to_string(repository().join("flows/after-sales.yaml")).unwrap();
    std::fs::create_dir_all(house.folder.join("flows")).unwrap();
    let file = write(&house.folder, "flows/after-sales.yaml", original.as_bytes());
    let config = std::fs::read_to_string(house.folder.join("hotline.toml")).unwrap();
    let ours = format!("{:?}", house.folder.join("flows"));
    write(
        &house.folder,
        "hotline.toml",
        config.replace(&format!("{:?}", repository().join("flows")), &ours).as_bytes(),
    );
    house.launch();

    std::fs::write(&file, original.replacen("start: greeting", "start: nowhere", 1)).unwrap();
    let (status, told) = reload(&house);
    assert_eq!(status, "422", "{told}");
    assert!(told.contains("after-sales.yaml:") && told.contains("nowhere"), "the fault and its place: {told}");

    std::fs::write(&file, original.replace("Welcome to after-sales service", "Welcome to the house of kettles"))
        .unwrap();
    let (status, told) = reload(&house);
    assert_eq!((status.as_str(), told.as_str()), ("200", r#"{"flows":["after-sales"]}"#));

    let scenario = "name: listen\nlanguage: en\npersona: A listener.\ngoal: Hear the greeting.\ncall_s_max: 30\n\
                    end: hang_up\nturns:\n  - expect: { event: response, within_ms: 8000 }\n";
    let scenario = write(&house.folder, "scenario.yaml", scenario.as_bytes());
    let called = run(&house.folder, &["call", &house.uri(), "--scenario", scenario.to_str().unwrap()]);
    assert!(called.status.success(), "{}", text(&called));
    let calls =
        house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|c| !c.is_empty()));
    let id = calls["calls"][0]["call_id"].as_str().unwrap();
    let events = house.get(&format!("/v1/calls/{id}/events")).unwrap().to_string();
    assert!(events.contains("house of kettles"), "{events}");
}
