//! A messy home, made by real tools: everything that was planted is found, at its exact place, and nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::{Home, messy, secret};

#[test]
fn everything_planted_is_found_and_nothing_else() {
    let planted = messy::home();
    let mut doctor = planted.home.lapwing(&["doctor", "--format", "json"]);
    planted.check(&common::run(doctor.envs(messy::ENVIRONMENT)));
}

#[test]
fn a_token_in_a_command_of_several_lines_is_told_where_it_stands() {
    let home = Home::new();
    let token = secret("dop_v1_{{hex:64}}", "second line");
    home.write(".zsh_history", format!(": 1700000000:0;echo first\\\ntoken {token}\n"));
    let doc = home.doctor().document(1);
    let at = &doc.only()["sightings"][0];
    assert_eq!((at["line"].as_u64(), at["start"].as_u64()), (Some(2), Some(33)), "{at}");
}
