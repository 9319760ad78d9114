// A SCIM 2.0 server in memory: all of the protocol is scimmy's; here are only
// two maps and a token. PORT and TOKEN come from the environment; a POST to
// /empty forgets everything.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const { PORT, TOKEN } = process.env;
const stores = [];

function keep(Resource, name) {
  const store = new Map();
  stores.push(store);
  const known = (id) => {
    if (!store.has(id)) throw new SCIMMY.Types.Error(404, null, `there is no ${id}`);
    return store.get(id);
  };
  SCIMMY.Resources.declare(Resource)
    .ingress((resource, data) => {
      const id = resource.id ?? randomUUID();
      const before = resource.id ? known(id) : { meta: { created: new Date() } };
      for (const [other, value] of store) {
        if (other !== id && String(value[name]).toLowerCase() === String(data[name]).toLowerCase()) {
          throw new SCIMMY.Types.Error(409, "uniqueness", `${name} is taken`);
        }
      }
      const value = { ...JSON.parse(JSON.stringify(data)), id, meta: { created: before.meta.created, lastModified: new Date() } };
      store.set(id, value);
      return value;
    })
    .egress((resource) => {
      if (resource.id) return known(resource.id);
      const all = [...store.values()];
      return resource.filter ? resource.filter.match(all) : all;
    })
    .degress((resource) => {
      known(resource.id);
      store.delete(resource.id);
    });
}

SCIMMY.Resources.declare(SCIMMY.Resources.User).extend(SCIMMY.Schemas.EnterpriseUser, false);
keep(SCIMMY.Resources.User, "userName");
keep(SCIMMY.Resources.Group, "displayName");

const app = express();
app.post("/empty", (request, response) => {
  for (const store of stores) store.clear();
  response.status(204).end();
});
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${TOKEN}`) throw new Error("the token is not accepted");
    return "tests";
  },
}));
app.listen(Number(PORT), "127.0.0.1");
