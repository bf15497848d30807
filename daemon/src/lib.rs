//! x
#[expect(dead_code, reason = "the sweep will call it")]
mod machine {
    mod sqlite;
}
