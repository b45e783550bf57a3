import time, sys
t=time.time()
from edge.commands.assembly import load_inspector, demo_bundle_path
from edge.bundle import decode
print("imports", time.time()-t); t=time.time()
b,i=load_inspector(demo_bundle_path()); print("armed", time.time()-t, flush=True)
for k in range(4):
    t=time.time(); r=i.inspect(b.golden[0].frame); print(time.time()-t, r.times, flush=True)
