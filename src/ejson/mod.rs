//! EJSON values and shallow views of raw JSON.
