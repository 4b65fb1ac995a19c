;; Does its work, and keeps the exchange that it was only lent.
(func $misbehave (param $exchange i32) (result i32)
    (call $forward_input (local.get $exchange))
    (call $ok))
