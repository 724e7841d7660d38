"""What clients read before they ask: the service's metadata in CSDL.  Contract: admin-api.md, section 10."""

METADATA = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:DataServices>
    <Schema Namespace="Backbone" xmlns="http://docs.oasis-open.org/odata/ns/edm">
      <EntityType Name="Identity">
        <Key><PropertyRef Name="address"/></Key>
        <Property Name="address" Type="Edm.String" Nullable="false"/>
        <Property Name="createdAt" Type="Edm.DateTimeOffset" Nullable="false"/>
        <Property Name="lastLoginAt" Type="Edm.DateTimeOffset"/>
        <Property Name="createdWithClient" Type="Edm.String"/>
        <Property Name="datawalletVersion" Type="Edm.Int32"/>
        <Property Name="identityVersion" Type="Edm.Int32" Nullable="false"/>
        <Property Name="numberOfDevices" Type="Edm.Int32"/>
        <NavigationProperty Name="tier" Type="Backbone.Tier" Nullable="false" ContainsTarget="true"/>
      </EntityType>
      <EntityType Name="Tier">
        <Key><PropertyRef Name="id"/></Key>
        <Property Name="id" Type="Edm.String" Nullable="false"/>
        <Property Name="name" Type="Edm.String" Nullable="false"/>
      </EntityType>
      <EntityContainer Name="Container">
        <EntitySet Name="Identities" EntityType="Backbone.Identity"/>
      </EntityContainer>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"""
CONTENT_TYPE = "application/xml;charset=utf-8"
