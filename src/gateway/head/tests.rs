//! Heads whole, in pieces, and wrong.

use super::*;
use hyper::Uri;
use proptest::prelude::*;

/// What hyper reads of `pieces`, each of which comes for itself, where every head is followed by `next`; and whether
/// the last head was of HTTP/1.0.
fn read(pieces: &[&[u8]], next: Next) -> (Vec<u8>, bool) {
    let notes = Arc::new(HeadNotes::default());
    let mut io = tokio_test_io(pieces);
    let mut out = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut head = Head::new(&mut io, notes.clone());
        loop {
            let mut some = [0; 100];
            let len = head.read(&mut some).await.unwrap();
            if len == 0 {
                break;
            }
            out.extend_from_slice(&some[..len]);
            if out.ends_with(b"\n\r\n") || out.ends_with(b"\n\n") {
                notes.next_is(next);
            }
        }
    });
    (out, notes.is_http_10())
}

/// A reader that gives a piece at a time.
fn tokio_test_io(pieces: &[&[u8]]) -> impl AsyncRead + Unpin + use<> {
    struct Pieces(std::collections::VecDeque<Vec<u8>>);
    impl AsyncRead for Pieces {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let pieces = &mut self.get_mut().0;
            if let Some(mut piece) = pieces.pop_front() {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    pieces.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }
    let full = pieces.iter().filter(|piece| !piece.is_empty());
    Pieces(full.map(|piece| piece.to_vec()).collect())
}

fn once(text: &str) -> (String, bool) {
    let (out, http_10) = read(&[text.as_bytes()], Next::Head(0));
    (String::from_utf8(out).unwrap(), http_10)
}

// contract: ddp/transport/http-1.0
#[test]
fn the_version_and_the_bytes_that_hyper_refuses() {
    for (came, reads, http_10) in [
        (
            "GET / HTTP/1.1\r\nA: <\r\n\r\n",
            "GET / HTTP/1.1\r\nA: <\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.0\r\nA: HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nA: HTTP/1.0\r\n\r\n",
            true,
        ),
        ("\r\n\nGET / HTTP/1.0\n\n", "\r\n\nGET / HTTP/1.1\n\n", true),
        (
            "GET /\"<?>` HTTP/1.0\r\n\r\n",
            "GET /%22%3C?%3E%60 HTTP/1.1\r\n\r\n",
            true,
        ),
        (
            "GET /\u{fc} HTTP/1.1\r\n\r\n",
            "GET /%C3%BC HTTP/1.1\r\n\r\n",
            false,
        ),
        ("GET /\tHTTP/1.0\r\n\r\n", "GET /\tHTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/2.0\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", false),
        ("GET\r\n", "GET\r\n", false),
        (
            "\u{1}GET /< HTTP/1.0\r\n",
            "\u{1}GET /< HTTP/1.0\r\n",
            false,
        ),
    ] {
        assert_eq!(once(came), (reads.to_owned(), http_10), "{came:?}");
    }
}

#[test]
fn every_head_is_passed_over_and_nothing_behind_a_body() {
    let heads = "GET /< HTTP/1.0\r\n\r\nGET /> HTTP/1.1\r\n\r\n";
    let (out, http_10) = read(&[heads.as_bytes()], Next::Head(0));
    assert_eq!(out, b"GET /%3C HTTP/1.1\r\n\r\nGET /%3E HTTP/1.1\r\n\r\n");
    assert!(!http_10);
    for next in [Next::Other, Next::Unknown] {
        let (out, _) = read(&[heads.as_bytes()], next);
        assert_eq!(out, b"GET /%3C HTTP/1.1\r\n\r\nGET /> HTTP/1.1\r\n\r\n");
    }
}

// contract: ddp/transport/target
#[test]
fn behind_a_body_whose_length_is_known_comes_a_head() {
    let body = "</\r\n\r\nGET /< HTTP/1.0";
    let one = format!("POST /< HTTP/1.0\r\n\r\n{body}");
    let passed = format!("POST /%3C HTTP/1.1\r\n\r\n{body}");
    let (came, passed) = (one.repeat(3), passed.repeat(3));
    for cut in 0..one.len() {
        let (a, b) = came.split_at(cut);
        let (b, c) = b.split_at(one.len());
        let pieces = [a, b, c].map(str::as_bytes);
        let (out, http_10) = read(&pieces, Next::Head(body.len() as u64));
        assert_eq!(String::from_utf8_lossy(&out), passed, "{cut}");
        assert!(http_10);
    }
}

// contract: ddp/transport/fields
#[tokio::test]
async fn an_upgrade_in_few_fields_is_known_by_its_head() {
    let upgrade = "GET / HTTP/1.1\r\nUPGRADE: websocket\r\n";
    let fields = |count: usize| format!("{upgrade}{}\r\n", "a: b\n".repeat(count));
    for (came, is) in [
        (fields(0), true),
        (fields(FEW - 3), true),
        (fields(FEW - 2), false),
        (upgrade.to_owned(), false),
        (format!("{upgrade}upgrade"), false),
        ("GET / HTTP/1.1\r\nx-upgrade: a\r\n\r\n".to_owned(), false),
        (
            "GET /upgrade: HTTP/2.0\r\nupgrade: a\r\n\r\n".to_owned(),
            false,
        ),
        (String::new(), false),
    ] {
        for cut in [0, 1, came.len() / 2] {
            let (one, other) = came.as_bytes().split_at(cut.min(came.len()));
            let mut head = Head::new(tokio_test_io(&[one, other]), Arc::default());
            assert_eq!(head.first(9999).await.unwrap(), is, "{came:?}");
            assert_eq!(head.ready, came.as_bytes());
        }
        let behind = format!("{came}\r\n\r\nupgrade: a");
        let mut head = Head::new(tokio_test_io(&[behind.as_bytes()]), Arc::default());
        head.first(9999).await.unwrap();
        assert_eq!(head.into_inner().1, behind.as_bytes());
    }
}

#[test]
fn what_stays_behind_is_given_back() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let notes = Arc::new(HeadNotes::default());
        let io = tokio_test_io(&[b"GET /< HTTP/1.1\r\n\r\n\x81\x00<"]);
        let mut head = Head::new(io, notes.clone());
        let mut some = [0; 200];
        let len = head.read(&mut some).await.unwrap();
        assert_eq!(&some[..len], b"GET /%3C HTTP/1.1\r\n\r\n");
        assert_eq!(head.into_inner().1, b"\x81\x00<");
    });
}

/// As hyper's parser and its `Uri` see it: what is passed on is taken, and where the library begins to take a byte
/// itself, nothing is wrong either.
#[test]
fn every_byte_of_a_target_is_taken() {
    for byte in 0x21..=0xff_u8 {
        if byte == 0x7f {
            continue;
        }
        for before in ["/a", "/a?b"] {
            let head = [b"GET ", before.as_bytes(), &[byte], b" HTTP/1.1\r\n\r\n"].concat();
            let (out, _) = read(&[&head], Next::Head(0));
            let target = out[4..].split(|byte| *byte == b' ').next().unwrap();
            let uri = Uri::try_from(target);
            assert!(
                uri.is_ok_and(|uri| uri.path().starts_with("/a")),
                "{byte:#x}"
            );
        }
    }
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        bytes in prop::collection::vec(
            prop_oneof![prop::sample::select(b"GET /<\"\r\nHTP1.0:\x80\x01".to_vec()), any::<u8>()], 0..200,
        ),
        head in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut all = if head { b"POST /\"x HTTP/1.0\r\nA: b\r\n".to_vec() } else { Vec::new() };
        all.extend_from_slice(&bytes);
        let whole = read(&[&all], Next::Head(0));
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(all.len() + 1)).collect();
        at.extend([0, all.len()]);
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|pair| &all[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces, Next::Head(0)), whole);
    }
}
