"""What `scripts/bench` is made of.

`command` parses the command line and runs the rows; `putting`, `reading`, `staging`, `million`, `starting` and `api`
define them; `rows` measures one in alternating rounds; `report` prints. `workshop` holds what rows share: the
`dataset`, a store and an image of it, and their `mounts`. Below: `clients` (forked readers), `memory` (cgroups),
`machine` (caches, facts), `programs`, `example` (pyfuse3's). Artfs is driven through its command line, like its
neighbours; only the programs `apiuser`, `crowd`, `nullfs` and `nullread` import it.
"""
