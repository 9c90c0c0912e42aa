//! What the files of a certificate hold: chain and key in one text.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ddp_streamer::gateway::certificates;
use ddp_streamer::internals::read_certificate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let served = read_certificate(data, data);
    let Ok(chain) = certificates(data) else {
        return assert!(served.is_err());
    };
    let mut pem = String::new();
    for certificate in &chain {
        let inside = BASE64_STANDARD.encode(certificate);
        pem += &format!("-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----\n");
    }
    assert_eq!(
        certificates(pem.as_bytes()),
        Ok(chain.clone()),
        "written again"
    );
    if let Ok(about) = served {
        assert_eq!(about.certificates, chain.len());
        assert!(!about.until().is_empty());
    }
});
