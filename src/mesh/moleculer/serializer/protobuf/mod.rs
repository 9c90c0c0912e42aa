//! Protocol Buffers: the packets of `proto/packets.proto`, with JSON text where a packet holds anything.
//!
//! `null` and a field that was left out are the same here, but in `params` and `data`, which say what they hold.

mod read;
mod write;

use bytes::Bytes;
use prost::Message;

use crate::mesh::moleculer::serializer::error::SerializeError;
use crate::mesh::packet_kind::PacketKind;

#[allow(missing_docs, unreachable_pub, reason = "made by build.rs")]
mod packets {
    include!(concat!(env!("OUT_DIR"), "/packets.rs"));
}

use packets::{
    PacketBare, PacketEvent, PacketHeartbeat, PacketInfo, PacketPing, PacketPong, PacketRequest,
    PacketResponse,
};
use read::Fields;
use write::Envelope;

/// A packet of the schema.
trait Packet: Message + Default {
    /// Its fields, as JSON.
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError>;
    /// The packet that a JSON envelope is.
    fn make(envelope: Envelope<'_>) -> Result<Self, SerializeError>;
}

/// A payload as EJSON text.
pub(super) fn decode(kind: PacketKind, payload: Bytes) -> Result<Vec<u8>, SerializeError> {
    match kind {
        PacketKind::Discover | PacketKind::Disconnect => read::packet::<PacketBare>(payload),
        PacketKind::Info => read::packet::<PacketInfo>(payload),
        PacketKind::Heartbeat => read::packet::<PacketHeartbeat>(payload),
        PacketKind::Ping => read::packet::<PacketPing>(payload),
        PacketKind::Pong => read::packet::<PacketPong>(payload),
        PacketKind::Request => read::packet::<PacketRequest>(payload),
        PacketKind::Response => read::packet::<PacketResponse>(payload),
        PacketKind::Event => read::packet::<PacketEvent>(payload),
    }
}

/// EJSON text as a payload.
pub(super) fn encode(kind: PacketKind, json: &[u8]) -> Result<Vec<u8>, SerializeError> {
    match kind {
        PacketKind::Discover | PacketKind::Disconnect => write::packet::<PacketBare>(json),
        PacketKind::Info => write::packet::<PacketInfo>(json),
        PacketKind::Heartbeat => write::packet::<PacketHeartbeat>(json),
        PacketKind::Ping => write::packet::<PacketPing>(json),
        PacketKind::Pong => write::packet::<PacketPong>(json),
        PacketKind::Request => write::packet::<PacketRequest>(json),
        PacketKind::Response => write::packet::<PacketResponse>(json),
        PacketKind::Event => write::packet::<PacketEvent>(json),
    }
}

impl Packet for PacketBare {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
        })
    }
}

impl Packet for PacketHeartbeat {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.number("cpu", self.cpu);
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            cpu: from.cpu,
        })
    }
}

impl Packet for PacketPing {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.whole("time", self.time);
        fields.text("id", self.id.as_ref());
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            time: from.time,
            id: from.id,
        })
    }
}

impl Packet for PacketPong {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.whole("time", self.time);
        fields.whole("arrived", self.arrived);
        fields.text("id", self.id.as_ref());
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            time: from.time,
            arrived: from.arrived,
            id: from.id,
        })
    }
}

impl Packet for PacketInfo {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.json("services", self.services.as_ref())?;
        fields.json("config", self.config.as_ref())?;
        fields.texts("ipList", &self.ip_list);
        fields.text("hostname", self.hostname.as_ref());
        if let Some(client) = &self.client {
            fields.object("client", |fields| {
                fields.text("type", client.r#type.as_ref());
                fields.text("version", client.version.as_ref());
                fields.text("langVersion", client.lang_version.as_ref());
            });
        }
        fields.whole("seq", self.seq.map(i64::from));
        fields.text("instanceID", self.instance_id.as_ref());
        fields.json("metadata", self.metadata.as_ref())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            services: write::json(from.services)?,
            config: write::json(from.config)?,
            ip_list: from.ip_list.unwrap_or_default(),
            hostname: from.hostname,
            client: from.client.map(|client| packets::packet_info::Client {
                r#type: client.type_,
                version: client.version,
                lang_version: client.lang_version,
            }),
            seq: from.seq,
            instance_id: from.instance_id,
            metadata: write::json(from.metadata)?,
        })
    }
}

impl Packet for PacketRequest {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.text("id", self.id.as_ref());
        fields.text("action", self.action.as_ref());
        fields.anything("params", self.params_type(), self.params.as_ref())?;
        fields.json("meta", self.meta.as_ref())?;
        fields.number("timeout", self.timeout);
        fields.whole("level", self.level.map(i64::from));
        fields.flag("tracing", self.tracing);
        fields.text("parentID", self.parent_id.as_ref());
        fields.text("requestID", self.request_id.as_ref());
        fields.flag("stream", self.stream);
        fields.whole("seq", self.seq.map(i64::from));
        fields.text("caller", self.caller.as_ref());
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        let (params_type, params) = write::anything(from.params)?;
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            id: from.id,
            action: from.action,
            params,
            params_type: Some(params_type.into()),
            meta: write::json(from.meta)?,
            timeout: from.timeout,
            level: from.level,
            tracing: from.tracing,
            parent_id: from.parent_id,
            request_id: from.request_id,
            stream: from.stream,
            seq: from.seq,
            caller: from.caller,
        })
    }
}

impl Packet for PacketResponse {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.text("id", self.id.as_ref());
        fields.flag("success", Some(self.success()));
        fields.anything("data", self.data_type(), self.data.as_ref())?;
        fields.json("error", self.error.as_ref())?;
        fields.json("meta", self.meta.as_ref())?;
        fields.flag("stream", self.stream);
        fields.whole("seq", self.seq.map(i64::from));
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        let (data_type, data) = write::anything(from.data)?;
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            id: from.id,
            success: from.success,
            data,
            data_type: Some(data_type.into()),
            error: write::json(from.error)?,
            meta: write::json(from.meta)?,
            stream: from.stream,
            seq: from.seq,
        })
    }
}

impl Packet for PacketEvent {
    fn tell(&self, fields: &mut Fields) -> Result<(), SerializeError> {
        fields.text("ver", self.ver.as_ref());
        fields.text("sender", self.sender.as_ref());
        fields.text("id", self.id.as_ref());
        fields.text("event", self.event.as_ref());
        fields.anything("data", self.data_type(), self.data.as_ref())?;
        fields.texts("groups", &self.groups);
        fields.flag("broadcast", self.broadcast);
        fields.json("meta", self.meta.as_ref())?;
        fields.whole("level", self.level.map(i64::from));
        fields.flag("tracing", self.tracing);
        fields.text("parentID", self.parent_id.as_ref());
        fields.text("requestID", self.request_id.as_ref());
        fields.flag("stream", self.stream);
        fields.whole("seq", self.seq.map(i64::from));
        fields.text("caller", self.caller.as_ref());
        fields.flag("needAck", self.need_ack);
        Ok(())
    }

    fn make(from: Envelope<'_>) -> Result<Self, SerializeError> {
        let (data_type, data) = write::anything(from.data)?;
        Ok(Self {
            ver: from.ver,
            sender: from.sender,
            id: from.id,
            event: from.event,
            data,
            data_type: Some(data_type.into()),
            groups: from.groups.unwrap_or_default(),
            broadcast: from.broadcast,
            meta: write::json(from.meta)?,
            level: from.level,
            tracing: from.tracing,
            parent_id: from.parent_id,
            request_id: from.request_id,
            stream: from.stream,
            seq: from.seq,
            caller: from.caller,
            need_ack: from.need_ack,
        })
    }
}
