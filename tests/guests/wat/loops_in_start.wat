;; Never finishes being instantiated.
(start $start)
(func $start (loop $forever (br $forever)))
(func $misbehave (param $exchange i32) (result i32) (call $ok))
