package main

import _ "time/tzdata" // users name time zones, and not every machine has a database of them
