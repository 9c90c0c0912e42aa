//! What a service's absence means.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::SettingValue;
use super::testing::{World, settle, until};
use crate::config::LicenseConfig;
use crate::ejson;
use crate::mesh::{Mesh, MeshConfig, NodeId, ServiceSpec, Transporter};

// contract: mesh/licence
#[tokio::test(start_paused = true)]
async fn an_outage_says_nothing_of_the_licence() {
    let world = World::start().await;
    let streamer = ServiceSpec::new("streamer");
    let config = MeshConfig::new(
        NodeId::new("streamer-2").unwrap(),
        Transporter::Local(world.bus.clone()),
    );
    let second = Mesh::start(
        config,
        vec![streamer],
        Arc::new(()),
        &world.tracker,
        &world.stop,
    );
    let mesh = world.services.mesh();
    until(|| mesh.nodes_of("streamer").len() == 2).await;
    let watch = async || {
        let config = LicenseConfig {
            check_interval: Duration::from_secs(20),
            max_fails: 2,
        };
        let watched = world.services.license.watch(config, "streamer");
        tokio::time::timeout(Duration::from_secs(300), watched).await
    };
    world.bus.stop();
    assert!(watch().await.is_err(), "nobody can be asked");
    world.bus.start();
    until(|| mesh.nodes_of("streamer").len() == 2).await;
    // Nobody answers, and others are there.
    assert!(watch().await.is_ok());
    drop(second);
}

// contract: events/settings/enterprise
#[tokio::test(start_paused = true)]
async fn a_setting_is_unchanged_where_its_service_has_just_left() {
    let world = World::start().await;
    let services = &world.services;
    let stop = CancellationToken::new();
    let spec = ServiceSpec::new("ee-settings").action("changeSettingValue", |_| async {
        Ok(Some(ejson::raw("7".to_owned()).unwrap()))
    });
    let id = NodeId::new("ee-1").unwrap();
    let config = MeshConfig::new(id, Transporter::Local(world.bus.clone()));
    Mesh::start(config, vec![spec], Arc::new(()), &world.tracker, &stop).unwrap();
    until(|| services.mesh().offers("ee-settings.changeSettingValue")).await;
    let setting = ejson::raw(r#"{"_id":"x","value":1}"#.to_owned()).unwrap();
    let replaced = services.enterprise_settings.value_of(&setting).await;
    assert!(matches!(replaced, SettingValue::Replaced(value) if value.get() == "7"));
    // It dies without a word: a request reaches nobody, and before it is sent again the node is gone.
    stop.cancel();
    settle().await;
    let (value, ()) = tokio::join!(services.enterprise_settings.value_of(&setting), async {
        settle().await;
        let gone = r#"{"ver":"4","sender":"ee-1"}"#;
        world.bus.publish("MOL.DISCONNECT", gone);
    });
    assert!(matches!(value, SettingValue::Unchanged), "{value:?}");
}
