//! Against rustls's own client.

use std::io::IoSlice;
use std::sync::Arc;

use proptest::prelude::*;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

/// A connection and its client.
struct Pair {
    here: Secure,
    client: TlsStream<TcpStream>,
}

fn configs(versions: &[&'static SupportedProtocolVersion]) -> (Arc<ServerConfig>, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client).into())
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (there, here) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (there.unwrap().0, here.unwrap())
}

async fn pair(versions: &[&'static SupportedProtocolVersion]) -> Pair {
    let (server, client) = configs(versions);
    let (there, here) = connected().await;
    let name = ServerName::try_from("localhost").unwrap();
    let (here, client) = tokio::join!(Secure::accept(there, server), client.connect(name, here));
    Pair {
        here: here.unwrap(),
        client: client.unwrap(),
    }
}

/// All that comes until the client's end.
async fn read_all(here: &Secure, room: usize) -> io::Result<Vec<u8>> {
    let (mut all, mut room) = (Vec::new(), vec![0; room]);
    loop {
        let mut kept = ReadBuf::new(&mut room);
        if here.read_opened(&mut kept) {
            if kept.filled().is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(kept.filled());
            continue;
        }
        here.socket().readable().await?;
        match here
            .socket()
            .try_io(Interest::READABLE, || here.try_read(&mut room))
        {
            Ok((length, _)) => all.extend_from_slice(&room[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of it in slices of these lengths, so many at a time, then says goodbye.
async fn write_all(here: &Secure, bytes: &[u8], lengths: &[usize], at_a_time: usize) {
    let mut slices = Vec::new();
    let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
    while !rest.is_empty() {
        let (slice, others) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
        slices.push(slice);
        rest = others;
    }
    let mut sent = 0;
    while sent < bytes.len() {
        let (mut skip, mut batch) = (sent, Vec::new());
        for slice in &slices {
            if skip < slice.len() && batch.len() < at_a_time {
                batch.push(IoSlice::new(&slice[skip..]));
            }
            skip = skip.saturating_sub(slice.len());
        }
        here.socket().writable().await.unwrap();
        let wrote = here
            .socket()
            .try_io(Interest::WRITABLE, || here.try_write(&batch));
        match wrote {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    here.say_goodbye();
    loop {
        here.socket().writable().await.unwrap();
        let flush = || match here.flush()? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        };
        if here.socket().try_io(Interest::WRITABLE, flush).is_ok() {
            return;
        }
    }
}

#[tokio::test]
async fn what_is_said_is_heard_both_ways() {
    for version in [&version::TLS13, &version::TLS12] {
        let Pair { here, mut client } = pair(&[version]).await;
        // More than the sockets hold, so that what is sealed has to wait, and records that come in parts.
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let said = tokio::time::timeout(std::time::Duration::from_secs(60), async {
            let mut heard = Vec::new();
            tokio::join!(
                write_all(&here, &bytes, &[500, 70_000, 3], 64),
                client.read_to_end(&mut heard)
            )
            .1
            .unwrap();
            assert_eq!(heard, bytes);
            let heard = tokio::join!(read_all(&here, 700), async {
                client.write_all(&bytes).await.unwrap();
                client.shutdown().await.unwrap();
            });
            assert_eq!(heard.0.unwrap(), bytes);
        });
        said.await.expect("it ends");
    }
}

#[tokio::test]
async fn a_connection_at_rest_holds_no_buffer() {
    let Pair { here, mut client } = pair(&[&version::TLS13]).await;
    client.write_all(b"hello").await.unwrap();
    let mut room = [0; 3];
    here.socket().readable().await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let mut kept = ReadBuf::new(&mut room);
        if here.read_opened(&mut kept) {
            heard.extend_from_slice(kept.filled());
            continue;
        }
        here.socket().readable().await.unwrap();
        let read = here
            .socket()
            .try_io(Interest::READABLE, || here.try_read(&mut room));
        if let Ok((length, _)) = read {
            heard.extend_from_slice(&room[..length]);
        }
    }
    assert_eq!(heard, b"hello");
    assert_eq!(here.try_write(&[IoSlice::new(b"you")]).unwrap(), 3);
    let tls = here.tls.lock();
    assert_eq!(
        (
            tls.incoming.capacity(),
            tls.opened.capacity(),
            tls.sealed.capacity()
        ),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_and_refused() {
    let (server, _) = configs(&[&version::TLS13]);
    for garbage in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[22; 40_000],
    ] {
        let (there, mut here) = connected().await;
        let server = server.clone();
        let (refused, _) = tokio::join!(Secure::accept(there, server), here.write_all(garbage));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut alert = Vec::new();
        // The alert may be followed by a reset, for what was not read.
        let _reset = here.read_to_end(&mut alert).await;
        assert!(alert.is_empty() || alert[0] == 21, "{alert:?}");
    }
    let (there, here) = connected().await;
    drop(here);
    let ended = Secure::accept(there, server).await.unwrap_err();
    assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_broken_record_ends_the_connection() {
    let Pair { here, client } = pair(&[&version::TLS13]).await;
    let (mut tcp, _) = client.into_inner();
    tcp.write_all(&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        .await
        .unwrap();
    tcp.write_all(&[0; 10]).await.unwrap();
    let broken = read_all(&here, 100).await.unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::InvalidData);
    // Nothing is sealed, opened or said any more.
    let written = here.try_write(&[IoSlice::new(b"more")]);
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::NotConnected);
    let read = here.try_read(&mut [0; 10]);
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::NotConnected);
    here.say_goodbye();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_a_handshake_and_nothing_else(
        records in prop::collection::vec((20_u8..25, prop::collection::vec(any::<u8>(), 0..600)), 1..6),
        cut in 1_usize..700,
    ) {
        let mut bytes = Vec::new();
        for (kind, payload) in records {
            bytes.extend_from_slice(&[kind, 3, 3]);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&payload);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (server, _) = configs(&[&version::TLS13, &version::TLS12]);
            let (there, mut here) = connected().await;
            let (refused, ()) = tokio::join!(Secure::accept(there, server), async {
                for chunk in bytes.chunks(cut) {
                    // It may have been refused meanwhile.
                    let _reset = here.write_all(chunk).await;
                    tokio::task::yield_now().await;
                }
                let _reset = here.shutdown().await;
            });
            assert!(refused.is_err());
        });
    }

    #[test]
    fn slices_of_any_length_arrive_in_order(
        lengths in prop::collection::vec(1_usize..40_000, 1..12),
        at_a_time in 1_usize..64,
        total in 1_usize..200_000,
        room in 1_usize..5_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Pair { here, mut client } = pair(&[&version::TLS13]).await;
            let bytes: Vec<u8> = (0..total).map(|n| (n % 253) as u8).collect();
            let mut heard = Vec::new();
            tokio::join!(write_all(&here, &bytes, &lengths, at_a_time), client.read_to_end(&mut heard)).1.unwrap();
            assert_eq!(heard, bytes);
            let (heard, ()) = tokio::join!(read_all(&here, room), async {
                for chunk in bytes.chunks(lengths[0]) {
                    client.write_all(chunk).await.unwrap();
                }
                client.shutdown().await.unwrap();
            });
            assert_eq!(heard.unwrap(), bytes);
        });
    }
}
