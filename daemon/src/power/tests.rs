use super::*;
use crate::desktop::testing::{Bus, received};
use std::collections::HashMap;
use zbus::zvariant::Value;

const MOCK: Option<&str> = Some("org.freedesktop.DBus.Mock");

async fn watched(bus: &Bus) -> (Connection, tokio::sync::mpsc::Receiver<PowerEvent>) {
    let system = bus.connect().await;
    let (out, events) = tokio::sync::mpsc::channel(16);
    tokio::spawn(watch(system.clone(), out));
    (system, events)
}

/// Changes a property as the service itself does.
async fn set(bus: &Connection, name: &str, path: &str, interface: &str, key: &str, value: Value<'_>) {
    let body = (interface, HashMap::from([(key, value)]));
    bus.call_method(Some(name), path, MOCK, "UpdateProperties", &body).await.unwrap();
}

#[tokio::test]
async fn without_services_it_counts_as_plugged_in() {
    let bus = Bus::new();
    let (_system, mut events) = watched(&bus).await;
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power::default()));
}

#[tokio::test]
async fn the_battery_is_followed_and_what_else_changes_is_not_told() {
    let mut bus = Bus::new();
    bus.mock(UPOWER, "upower", r#"{"OnBattery": true}"#).await;
    let (system, mut events) = watched(&bus).await;
    let battery = Power { on_battery: true, ..Power::default() };
    assert_eq!(received(&mut events).await, PowerEvent::Changed(battery));
    let device = "org.freedesktop.UPower.Device";
    set(&system, UPOWER, BATTERY, device, "Percentage", Value::from(12.0)).await;
    set(&system, UPOWER, BATTERY, device, "WarningLevel", Value::from(3_u32)).await;
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power { low: true, ..battery }));
    set(&system, UPOWER, "/org/freedesktop/UPower", UPOWER, "OnBattery", Value::from(false)).await;
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power::default()));
}

#[tokio::test]
async fn a_profile_that_saves_power_is_seen_come_and_go_with_its_service() {
    let mut bus = Bus::new();
    let (system, mut events) = watched(&bus).await;
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power::default()));
    let (name, path) = PROFILES[1];
    let service = bus.mock(name, "power_profiles_daemon", r#"{"ActiveProfile": "power-saver"}"#).await;
    let saver = PowerEvent::Changed(Power { saver: true, ..Power::default() });
    assert_eq!(received(&mut events).await, saver);
    set(&system, name, path, name, "ActiveProfile", Value::from("balanced")).await;
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power::default()));
    set(&system, name, path, name, "ActiveProfile", Value::from("power-saver")).await;
    assert_eq!(received(&mut events).await, saver);
    bus.stop(service);
    assert_eq!(received(&mut events).await, PowerEvent::Changed(Power::default()));
}

#[tokio::test]
async fn sleep_and_waking_up_are_told() {
    let mut bus = Bus::new();
    bus.mock(LOGIND, "logind", "{}").await;
    let (system, mut events) = watched(&bus).await;
    received(&mut events).await;
    for (asleep, event) in [(true, PowerEvent::Sleep), (false, PowerEvent::Resume)] {
        let manager = "org.freedesktop.login1.Manager";
        let body = (manager, "PrepareForSleep", "b", vec![Value::from(asleep)]);
        let path = "/org/freedesktop/login1";
        system.call_method(Some(LOGIND), path, MOCK, "EmitSignal", &body).await.unwrap();
        assert_eq!(received(&mut events).await, event);
    }
}

#[test]
fn the_system_says_its_load() {
    assert!(load().is_some_and(|load| load >= 0.0));
}
