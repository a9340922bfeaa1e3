-- wrk: sends whole applications, each with its own key and organization.
local fields = "form_key=018f0000-0000-7000-8000-000000000000&step=send&country=KE&registered=yes"
  .. "&registration_note=NGOs+Co-ordination+Board%2C+OP.218%2F051%2F2014&kind_of_work=health"
  .. "&statement=We+run+health+posts+in+four+counties.+We+wish+to+be+heard+on+how+domains+are+protected."
  .. "&representative_name=Wanjiku+Kamau&representative_role=Programme+director"
  .. "&representative_email=wanjiku%40afyabora.or.ke&representative_phone=%2B254+20+123+4567&ncsg_status=not-yet"
  .. "&authorised=yes&publish=yes"
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }

function init()
  math.randomseed(os.time() * 1000 + math.floor(os.clock() * 1e6) % 1000)
end

local function hex(digits)
  return string.format("%0" .. digits .. "x", math.random(0, 16 ^ digits - 1))
end

function request()
  local key = hex(8) .. "-" .. hex(4) .. "-4" .. hex(3) .. "-8" .. hex(3) .. "-" .. hex(6) .. hex(6)
  return wrk.format("POST", "/membership", headers, fields .. "&domain_name=" .. key .. ".or.ke&organization_name=Afya+Bora+" .. key .. "&submission_key=" .. key)
end
